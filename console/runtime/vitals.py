"""Questions about life and progress, answered by rows and by the market in Redis.

Each question is one function, and its findings carry the name of the faulty thing. A system may be
dead although its processes run. These questions find such states, which look green from outside.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bot.decision.forged_market import FORGED
from bot.risk.snapshot import MarketView
from models.amounts import shortest
from models.enums import ChildState, ExecutionStatus, ScopeKind, StopState, TradingState
from models.open_rows import CHILD_MAY_BE_AT_EXCHANGE, PARENT_IS_OPEN
from models.repositories import operators
from models.repositories.safety import bases, states, stops, watching
from models.tables import (
    AuditRow,
    BreakerRow,
    CashFlowRow,
    ChildOrderRow,
    DisagreementRow,
    ForeignOrderRow,
    HeartbeatRow,
    InstrumentRow,
    OtherFeeRow,
    ParentOrderRow,
    TradeRequestRow,
    TradingStateRow,
    UnreadableFactRow,
)

EXPECTED = ("feed", "reconciliation")
"""Signs of life that every system gives. A queue's canary is judged once there is one."""
STREAMS = ("public", "private")
SILENT_SECONDS = 45.0
"""A bit more than two ping periods: a stream that is silent for so long gives itself up."""
MARKET_SECONDS = 10.0
"""Twice the age that the gate accepts, so that the gate has refused for a while."""
FORGED_LATELY = timedelta(minutes=10)
MONEY_AGE = timedelta(seconds=30)
RULES_AGE = timedelta(hours=3)
STUCK = timedelta(seconds=60)
"""Much longer than any request, look-up or halt takes."""
UNPROTECTED = timedelta(seconds=30)
"""Ten times as long as a stop may take to rest at the exchange."""
_SHOWN = 3
_WAITING = (ExecutionStatus.PENDING_VALIDATION,)


@dataclass(frozen=True, slots=True)
class Vital:
    """One finding. `down` says that the thing is silent, rather than in a bad state."""

    name: str
    problem: str | None
    down: bool = False


@dataclass(frozen=True, slots=True)
class Patient:
    """A system as the doctor finds it. `ineffective` names limits that let their own breach
    pass."""

    session: Session
    account: str
    symbols: Sequence[str]
    now: datetime
    markets: Mapping[str, MarketView | None]
    ineffective: Sequence[str] = ()
    unusable: str | None = None
    """Why no limits in force can be judged; None when they can."""
    protects: bool = True
    """Whether the limits in force want a stop at the exchange for each position."""

    def age(self, at: datetime) -> str:
        """The time since a moment in whole seconds, as text."""
        return f"{max(0.0, (self.now - at).total_seconds()):.0f} s"


def check_vitals(patient: Patient) -> list[Vital]:
    """All findings, the problems first."""
    found = [vital for question in QUESTIONS for vital in question(patient)]
    return sorted(found, key=lambda vital: vital.problem is None)


def signs_of_life(patient: Patient) -> Iterator[Vital]:
    """Whether each expected process has ever given a sign of life. Without any it counts as
    missing."""
    names = set(patient.session.scalars(select(HeartbeatRow.name)))
    for name in EXPECTED:
        problem = None if name in names else "it never gave a sign of life"
        yield Vital(f"sign of life of {name}", problem, down=True)


def streams(patient: Patient) -> Iterator[Vital]:
    """Whether each stream of the feed is live and was heard lately."""
    beat = patient.session.get(HeartbeatRow, "feed")
    for name in STREAMS:
        problem = None
        if beat is None:
            problem = "no feed"
        elif beat.details.get(name) != "live":
            fault = beat.details.get(f"{name}_last_fault")
            problem = f"{beat.details.get(name, 'unknown')}" + (f": {fault}" if fault else "")
        elif (beat.details.get(f"{name}_silent_seconds") or 0) > SILENT_SECONDS:
            problem = f"silent for {beat.details[f'{name}_silent_seconds']:.0f} s"
        yield Vital(f"{name} stream", problem, down=True)


def refused_symbols(patient: Patient) -> Iterator[Vital]:
    """Each symbol with a market that the exchange refuses to send."""
    beat = patient.session.get(HeartbeatRow, "feed")
    refused = {} if beat is None else beat.details.get("refused") or {}
    for symbol, why in sorted(refused.items()):
        yield Vital(f"symbol {symbol}", f"the exchange refuses its market: {why}")


def markets(patient: Patient) -> Iterator[Vital]:
    """Whether each symbol has a market view, and a young one."""
    for symbol in patient.symbols:
        view = patient.markets.get(symbol)
        problem = None
        if view is None:
            problem = "no market: what adds risk is refused"
        elif (patient.now - view.as_of).total_seconds() > MARKET_SECONDS:
            problem = f"its market is {patient.age(view.as_of)} old"
        yield Vital(f"market of {symbol}", problem, down=True)


def forged(patient: Patient) -> Iterator[Vital]:
    """Market data that our feed did not write. Its writer has the broker's password."""
    keys = patient.session.scalars(
        select(AuditRow.subject)
        .where(
            AuditRow.chain == patient.account,
            AuditRow.kind == FORGED,
            AuditRow.at > patient.now - FORGED_LATELY,
        )
        .distinct()
        .order_by(AuditRow.subject)
    ).all()
    shown = ", ".join(keys[:_SHOWN])
    yield Vital("market's seals", f"not written by our feed: {shown}" if keys else None)


def logins(patient: Patient) -> Iterator[Vital]:
    """Operators with a lock after failed logins. The failures may be somebody else's guesses."""
    locked = [
        f"{row.name} is locked until {row.locked_until:%H:%M:%S} UTC after {row.failed_attempts} "
        "failed logins"
        for row in operators.everybody(patient.session)
        if row.disabled_at is None and row.locked_until and row.locked_until > patient.now
    ]
    yield Vital("logins", "; ".join(locked[:_SHOWN]) if locked else None)


def instruments(patient: Patient) -> Iterator[Vital]:
    """Whether the exchange trades each configured symbol. Otherwise its configuration has no
    effect."""
    for symbol in patient.symbols:
        row = patient.session.get(InstrumentRow, symbol)
        problem = None
        if row is None:
            problem = "configured, but the exchange does not know it"
        elif row.status != "Trading":
            problem = f"configured, but it is {row.status} at the exchange"
        elif patient.now - row.refreshed_at > RULES_AGE:
            problem = f"its trading rules are {patient.age(row.refreshed_at)} old"
        yield Vital(f"rules of {symbol}", problem)


def limits(patient: Patient) -> Iterator[Vital]:
    """Whether the limits in force can be used, and each stops its own synthetic breach."""
    if patient.unusable is not None:
        told = f"{patient.unusable}; until then nothing may add risk"
        yield Vital("limits", told)
        return
    problem = "; ".join(patient.ineffective[:_SHOWN]) or None
    yield Vital("limits", problem and f"without effect: {problem}")


def money(patient: Patient) -> Iterator[Vital]:
    """Whether equity and cash flows were read lately."""
    newest = bases.newest_reading_at(patient.session, patient.account)
    problem = None
    if newest is None or patient.now - newest > MONEY_AGE:
        problem = "never read" if newest is None else f"last read {patient.age(newest)} ago"
    yield Vital("equity", problem, down=True)
    day = bases.newest_day(patient.session, patient.account)
    read = None if day is None else day.flows_read_at
    late = read is not None and patient.now - read > bases.FLOWS_AWAY
    yield Vital(
        "cash flows",
        f"not read for {patient.age(read)}" if read is not None and late else None,
        down=True,
    )


def unvalued_flows(patient: Patient) -> Iterator[Vital]:
    """Cash flows without a price. Each makes the bases of losses less certain for 24 h."""
    rows = patient.session.scalars(
        select(CashFlowRow)
        .where(CashFlowRow.account == patient.account, CashFlowRow.value.is_(None))
        .where(CashFlowRow.at > patient.now - timedelta(hours=24))
        .order_by(CashFlowRow.at)
    ).all()
    shown = "; ".join(f"{shortest(row.amount)} {row.currency}" for row in rows[:_SHOWN])
    text = (
        f"{len(rows)} without a price (a deposit counts as the whole rise, a withdrawal as a loss)"
    )
    yield Vital("worth of cash flows", f"{text}: {shown}" if rows else None)


def unpriced_fees(patient: Patient) -> Iterator[Vital]:
    """Fees of the last 24 h that count in no profit and no loss. `mlrisk metrics` has older
    ones."""
    rows = patient.session.execute(
        select(OtherFeeRow.coin, func.sum(OtherFeeRow.amount))
        .where(OtherFeeRow.account == patient.account, OtherFeeRow.cost.is_(None))
        .where(OtherFeeRow.executed_at > patient.now - timedelta(hours=24))
        .where(OtherFeeRow.executed_at < patient.now - STUCK)
        .group_by(OtherFeeRow.coin)
        .order_by(OtherFeeRow.coin)
    ).all()
    shown = ", ".join(f"{shortest(total)} {coin}" for coin, total in rows[:_SHOWN])
    yield Vital("fees in other coins", f"without a price: {shown}" if rows else None)


def tripped(patient: Patient) -> Iterator[Vital]:
    """Each breaker that is tripped, and the command that resets it."""
    rows = patient.session.scalars(select(BreakerRow).where(BreakerRow.tripped))
    for row in rows:
        yield Vital(
            f"breaker {row.kind}",
            f"tripped on {row.scope_kind} {row.scope_key}: {row.reason} "
            f"(`mlrisk breaker reset {row.kind}{_scope_option(row)}`)",
        )


def _scope_option(row: BreakerRow) -> str:
    """The option that names a breaker of one strategy or symbol."""
    scoped = row.scope_kind in (ScopeKind.STRATEGY, ScopeKind.SYMBOL)
    return f" --scope {row.scope_kind}:{row.scope_key}" if scoped else ""


def contradicted_states(patient: Patient) -> Iterator[Vital]:
    """Each trading state that somebody changed without mlrisk; it counts as halted."""
    for found in states.contradictions(patient.session):
        yield Vital(
            f"trading state of {found.kind} {found.key}",
            f"was changed without mlrisk: {found.why}; it counts as halted (look into it, then "
            "`mlrisk resume`)",
        )


def halts(patient: Patient) -> Iterator[Vital]:
    """Whether each halt is complete: sealed, and without orders that it should have stopped."""
    rows = patient.session.scalars(
        select(TradingStateRow).where(TradingStateRow.state == TradingState.HALTED)
    )
    for row in rows:
        name = f"halt of {row.scope_kind} {row.scope_key}"
        if row.sealed_at is None and patient.now - row.changed_at > STUCK:
            yield Vital(name, f"not sealed for {patient.age(row.changed_at)}: run it again")
            continue
        adding = patient.session.scalar(
            select(func.count())
            .select_from(ParentOrderRow)
            .where(
                PARENT_IS_OPEN,
                ParentOrderRow.stop_reason.is_(None),
                ParentOrderRow.reduce_only.is_(False),
            )
        )
        late = patient.now - row.changed_at > STUCK
        text = f"{adding} orders that add risk were not stopped"
        yield Vital(name, text if adding and late else None)


def reconciliation(patient: Patient) -> Iterator[Vital]:
    """Whether our positions agree with the exchange's."""
    rows = patient.session.scalars(
        select(DisagreementRow).where(DisagreementRow.account == patient.account)
    ).all()
    text = "; ".join(f"{r.symbol}: ours {r.ours:f}, exchange {r.theirs:f}" for r in rows[:_SHOWN])
    confirmed = any(row.readings >= bases.CONFIRMATIONS for row in rows)
    yield Vital("positions agree with the exchange", text if confirmed else None)


def protective_stops(patient: Patient) -> Iterator[Vital]:
    """Open positions without a stop that rests at the exchange, where the limits want one."""
    if not patient.protects:
        return
    resting = {
        stop.symbol
        for stop in stops.open_stops(patient.session, patient.account)
        if stop.state is StopState.RESTING
    }
    bare = [
        f"{row.symbol} ({row.qty.normalize():f}, open for {patient.age(row.opened_at)})"
        for row in watching.open_positions(patient.session, patient.account)
        if row.symbol not in resting
        and row.opened_at is not None
        and patient.now - row.opened_at > UNPROTECTED
    ]
    shown = ", ".join(bare[:_SHOWN])
    yield Vital(
        "positions without a protective stop",
        f"{len(bare)} without a stop that rests at the exchange: {shown} (`mlrisk position list`)"
        if bare
        else None,
    )


def unreadable(patient: Patient) -> Iterator[Vital]:
    """Whether every answer of the exchange could be read."""
    rows = patient.session.scalars(
        select(UnreadableFactRow).where(UnreadableFactRow.account == patient.account)
    ).all()
    shown = "; ".join(f"{row.kind} {row.key}: {row.why}" for row in rows[:_SHOWN])
    yield Vital("the exchange's facts", f"{len(rows)} can't be read: {shown}" if rows else None)


def orphans(patient: Patient) -> Iterator[Vital]:
    """Orders that rest under our ids without a row that explains them."""
    links = patient.session.scalars(
        select(ForeignOrderRow.orphan_link_id)
        .where(
            ForeignOrderRow.account == patient.account,
            ForeignOrderRow.orphan_link_id.is_not(None),
        )
        .order_by(ForeignOrderRow.first_seen_at, ForeignOrderRow.order_id)
    ).all()
    shown = ", ".join(str(link) for link in links[:_SHOWN])
    yield Vital(
        "orders in our name",
        (
            f"{len(links)} rest and are unknown to this database: {shown} (`mlrisk halt --cancel` "
            "cancels those that add risk, with `--stop-exits` all of them)"
        )
        if links
        else None,
    )


def requests(patient: Patient) -> Iterator[Vital]:
    """Old requests that nobody decides. Parked ones break an invariant, which reports them."""
    oldest = patient.session.scalar(
        select(func.min(TradeRequestRow.received_at)).where(TradeRequestRow.status.in_(_WAITING))
    )
    stuck = oldest is not None and patient.now - oldest > STUCK
    yield Vital(
        "undecided requests",
        f"the oldest waits for {patient.age(oldest)}" if oldest is not None and stuck else None,
    )


def children(patient: Patient) -> Iterator[Vital]:
    """Sent orders without a known outcome, and cancels that nobody confirms."""
    rows = patient.session.scalars(
        select(ChildOrderRow)
        .where(CHILD_MAY_BE_AT_EXCHANGE, ChildOrderRow.account == patient.account)
        .where(ChildOrderRow.sent_at < patient.now - STUCK)
    ).all()
    for state in (ChildState.SENDING, ChildState.UNKNOWN, ChildState.ACKED):
        stuck = [row for row in rows if row.state == state]
        names = ", ".join(row.order_link_id for row in stuck[:_SHOWN])
        yield Vital(
            f"orders in {state.value}",
            f"{len(stuck)} for longer than {STUCK.seconds} s: {names}" if stuck else None,
        )
    limit = patient.now - STUCK
    asked = [r for r in rows if r.cancel_requested_at and r.cancel_requested_at < limit]
    names = ", ".join(row.order_link_id for row in asked[:_SHOWN])
    yield Vital("cancels", f"{len(asked)} not confirmed: {names}" if asked else None)


QUESTIONS: tuple[Callable[[Patient], Iterator[Vital]], ...] = (
    signs_of_life,
    streams,
    refused_symbols,
    markets,
    forged,
    logins,
    instruments,
    limits,
    money,
    unvalued_flows,
    unpriced_fees,
    tripped,
    contradicted_states,
    halts,
    reconciliation,
    protective_stops,
    unreadable,
    orphans,
    requests,
    children,
)
