"""The account data of a decision, in one statement and therefore as of one moment.

A fill moves quantity from a reservation to a position, and a halt changes several states: two
statements could see half of either. One statement also takes a fraction of the time of a dozen, all
of it under the account's lock.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from sqlalchemy import text
from sqlalchemy.orm import Session

from models.enums import BreakerSide, TradeSide
from models.repositories.portfolio import HeldPosition, HeldReservation
from models.repositories.safety.states import GLOBAL_KEY, STATES, state_row
from models.repositories.strategies import EXPOSURE, STAGE, UNKNOWN, KnownStage, of_facts
from models.tables import BreakerRow, InstrumentRow, TradingStateRow

LOSS_STREAK_WINDOW = timedelta(hours=24)
"""A streak is counted within a day; earlier losses are drawdown, which has its own limit."""
FILL_WINDOW = timedelta(hours=1)
"""An older fill says nothing of the present market, under any limits."""
STREAK_LIMIT = 100
"""Longer streaks than any limit need no counting."""


@dataclass(frozen=True, slots=True)
class TradeKey:
    """The trade that facts are read for. Two trades with equal keys are the same order again."""

    account: str
    strategy: str
    symbol: str
    side: str
    notional: Decimal


@dataclass(slots=True)
class AccountFacts:
    """The stored facts about one trade; None for a missing row.

    Its rows belong to no session; they are read only.
    """

    states: list[TradingStateRow] = field(default_factory=list)
    """The trading states of the scopes that apply. A scope without a row is ACTIVE; the global one
    must have a row."""
    breakers: list[BreakerRow] = field(default_factory=list)
    """The tripped breakers of the scopes that apply."""
    size_share: Decimal = Decimal(1)
    """The smallest share of the size that a breaker of these scopes allows while it recovers."""
    recoveries: dict[tuple[str, str], Decimal] = field(default_factory=dict)
    """The share of size that a climbing recovery allows, by scope."""
    fitness: tuple[bool, str, datetime] | None = None
    """Whether the exchange lets the account trade, why not, and when it was asked."""
    lease: tuple[Sequence[str], Sequence[Decimal | None]] | None = None
    """The words and numbers of the lease to trade, as `LEASE` gives them."""
    instrument: InstrumentRow | None = None
    positions: list[HeldPosition] = field(default_factory=list)
    unbooked: Decimal = Decimal(0)
    """The exchange's position in the trade's symbol beyond our fills, by the last
    reconciliation."""
    reservations: list[HeldReservation] = field(default_factory=list)
    """The quantity that approved trades may still fill."""
    equity_at: datetime | None = None
    equity: Decimal | None = None
    available: Decimal | None = None
    resting_notional: Decimal = Decimal(0)
    """Entries that rest at the exchange, which its reading of the free margin includes."""
    filled_since: Decimal = Decimal(0)
    """Fills of entries since the newest reading, which doesn't include them."""
    equity_a_day_ago: Decimal | None = None
    """The middle one of the first three readings of the last 24 hours, in the money of now."""
    equity_a_day_ago_at: datetime | None = None
    cash_flows: list[tuple[datetime, Decimal]] = field(default_factory=list)
    """Times of cash flows, and the factor of each on the equity before it."""
    equity_day_start: Decimal | None = None
    equity_peak: Decimal | None = None
    consecutive_losses: int = 0
    orders_last_second: int = 0
    own_qty: Decimal = Decimal(0)
    """The strategy's own share of the position in the trade's symbol."""
    own_working: Decimal = Decimal(0)
    """The quantity that its own approved trades of the trade's side may still fill."""
    newest_fill: tuple[Decimal, datetime] | None = None
    """The account's last trade in the trade's symbol within `FILL_WINDOW`: its price and time."""
    own_reserved: Decimal = Decimal(0)
    """Notional that its own approved trades may still add, in every symbol."""
    stage: KnownStage = UNKNOWN
    """The strategy's stage and its own caps."""
    stage_exposure: Decimal | None = None
    """The value of its open shares; None without a cap on it, or where a price is missing."""
    same_orders_last_minute: int = 0
    """Approved trades alike in strategy, symbol, side and size: a runaway loop looks so."""


def read(session: Session, trade: TradeKey, now: datetime) -> AccountFacts:
    """Reads the facts as of the statement's start; the account's lock must be held before."""
    facts = AccountFacts()
    for what, words, numbers, at in session.execute(_STATEMENT, _parameters(trade, now)):
        _READERS[what](facts, words, numbers, at)
    _bring_to_the_money_of_now(facts)
    facts.states.sort(key=lambda s: (s.scope_kind, s.scope_key))
    facts.positions.sort(key=lambda p: p.symbol)
    facts.reservations.sort(key=lambda r: (r.symbol, r.side, r.reduce_only))
    return facts


def _bring_to_the_money_of_now(facts: AccountFacts) -> None:
    since = facts.equity_a_day_ago_at
    if facts.equity_a_day_ago is None or since is None:
        return
    for at, share in facts.cash_flows:
        if at > since:
            facts.equity_a_day_ago *= share


def _parameters(trade: TradeKey, now: datetime) -> Mapping[str, object]:
    return {
        "account": trade.account,
        "strategy": trade.strategy,
        "symbol": trade.symbol,
        "side": trade.side,
        "held_side": held_side(trade.side),
        "notional": format(trade.notional, "f"),
        "everything": GLOBAL_KEY,
        "day": now.astimezone(UTC).date().isoformat(),
        "second_ago": now - timedelta(seconds=1),
        "minute_ago": now - timedelta(minutes=1),
        "day_ago": now - timedelta(hours=24),
        "fills_since": now - FILL_WINDOW,
        "streak_since": now - LOSS_STREAK_WINDOW,
        "streak_limit": STREAK_LIMIT,
    }


INSTRUMENT = """
    SELECT 'instrument', ARRAY[symbol, status],
        ARRAY[tick_size, qty_step, min_qty, max_qty, min_notional, max_leverage,
            price_limit_x, price_limit_y], refreshed_at
      FROM instrument WHERE symbol = :symbol
"""

FITNESS = """
    SELECT 'fitness', ARRAY[ok::text, reasons], NULL, asked_at
      FROM account_fitness WHERE account = :account
"""

LEASE = """
    SELECT 'lease', ARRAY[withheld], ARRAY[epoch::numeric,
        extract(epoch FROM clock_timestamp() - renewed_at),
        extract(epoch FROM expires_at - clock_timestamp()),
        extract(epoch FROM expires_at - renewed_at)], renewed_at
      FROM trading_lease WHERE account = :account
"""
"""The lease, as one part of the statements of claims and decisions."""

_OF_THE_TRADE = """side IN ('both', :held_side) AND (scope_kind, scope_key) IN (
        ('global', :everything), ('account', :account), ('strategy', :strategy),
        ('symbol', :symbol))"""
BREAKERS = f"""
    SELECT 'breaker', ARRAY[scope_kind, scope_key, kind, reason], NULL::numeric[],
        NULL::timestamptz
      FROM breaker WHERE tripped AND {_OF_THE_TRADE}
"""
"""The tripped breakers of the scopes and of the side that apply."""


def held_side(side: str) -> BreakerSide:
    """The side of the position that an entry of this side opens."""
    return BreakerSide.LONG if side == TradeSide.BUY else BreakerSide.SHORT


# Each part gives (what, words, numbers, at). States are compared with literals, not parameters:
# only so can a prepared statement use the partial indexes.
_STATEMENT = text(
    f"""
{STATES}
    UNION ALL
{BREAKERS}
    UNION ALL
    SELECT 'size_share', NULL, ARRAY[min(share)], NULL
      FROM breaker
      WHERE NOT tripped AND share IS NOT NULL AND {_OF_THE_TRADE}
      HAVING count(*) > 0
    UNION ALL
    SELECT 'recovery', ARRAY[scope_kind, scope_key], ARRAY[share], NULL
      FROM recovery
      WHERE phase = 'climbing' AND (scope_kind, scope_key) IN (('global', :everything),
        ('account', :account), ('strategy', :strategy), ('symbol', :symbol))
    UNION ALL
    -- An account whose breakers recover by themselves has their shares; a drawdown's is no step.
    SELECT 'recovery', ARRAY[scope_kind, scope_key], ARRAY[min(share)], NULL
      FROM breaker
      WHERE NOT tripped AND share IS NOT NULL AND kind <> 'drawdown'
        AND scope_kind = 'account' AND scope_key = :account
      GROUP BY scope_kind, scope_key
    UNION ALL
{FITNESS}
    UNION ALL
{LEASE}
    UNION ALL
{STAGE}
    UNION ALL
{EXPOSURE}
    UNION ALL
{INSTRUMENT}
    UNION ALL
    SELECT 'position', ARRAY[symbol], ARRAY[qty, entry_price, liquidation_price, mark_price],
        marked_at
      FROM position WHERE account = :account AND qty <> 0
    UNION ALL
    (SELECT 'fill', NULL, ARRAY[price], executed_at
      FROM fill
      WHERE account = :account AND symbol = :symbol AND executed_at > :fills_since
        AND exec_type = 'Trade'
      ORDER BY executed_at DESC, exec_id DESC LIMIT 1)
    UNION ALL
    SELECT 'unbooked', NULL, ARRAY[difference], NULL
      FROM position_disagreement WHERE account = :account AND symbol = :symbol
    UNION ALL
    SELECT 'reserved', ARRAY[symbol, side, reduce_only::text],
        ARRAY[sum(open_qty), sum(open_qty * reference_price)], NULL
      FROM reservation WHERE account = :account AND state = 'held' AND open_qty > 0
      GROUP BY symbol, side, reduce_only
    UNION ALL
    SELECT 'own', NULL, ARRAY[filled_qty + taken_qty], NULL
      FROM strategy_share
      WHERE account = :account AND symbol = :symbol AND strategy = :strategy
    UNION ALL
    SELECT 'own_working', NULL, ARRAY[sum(open_qty)], NULL
      FROM reservation JOIN parent_order USING (request_id)
      WHERE reservation.account = :account AND reservation.symbol = :symbol
        AND reservation.side = :side AND reservation.state = 'held' AND open_qty > 0
        AND strategy = :strategy
      HAVING sum(open_qty) > 0
    UNION ALL
    SELECT 'own_reserved', NULL, ARRAY[sum(open_qty * reservation.reference_price)], NULL
      FROM reservation JOIN parent_order USING (request_id)
      WHERE reservation.account = :account AND reservation.state = 'held' AND open_qty > 0
        AND NOT reservation.reduce_only AND strategy = :strategy
      HAVING sum(open_qty) > 0
    UNION ALL
    (SELECT 'equity', NULL, ARRAY[equity, available], at
      FROM equity WHERE account = :account ORDER BY at DESC LIMIT 1)
    UNION ALL
    SELECT 'in_flight', NULL, ARRAY[
        (SELECT coalesce(sum((c.qty - c.filled_qty) * p.reference_price), 0)
          FROM child_order c JOIN parent_order p USING (request_id)
          WHERE c.account = :account AND c.state IN ('acked', 'working') AND c.style <> 'ioc'
            AND NOT c.reduce_only AND c.acked_at < newest.at),
        (SELECT coalesce(sum(f.qty * f.price), 0)
          FROM fill f JOIN child_order c USING (child_id)
          WHERE f.account = :account AND f.executed_at > newest.at AND NOT c.reduce_only)], NULL
      FROM (SELECT at FROM equity WHERE account = :account ORDER BY at DESC LIMIT 1) AS newest
    UNION ALL
    SELECT 'equity_a_day_ago', NULL, ARRAY[percentile_disc(0.5) WITHIN GROUP (ORDER BY equity)],
        min(at)
      FROM (
        SELECT equity, at FROM equity
          WHERE account = :account AND at >= greatest(:day_ago, (
            SELECT rebased_at FROM equity_day WHERE account = :account ORDER BY day DESC LIMIT 1
          ))
          ORDER BY at LIMIT 3
      ) AS first_readings HAVING count(*) > 0
    UNION ALL
    SELECT 'cash_flow', NULL, ARRAY[share], at
      FROM cash_flow WHERE account = :account AND at > :day_ago AND share IS NOT NULL
    UNION ALL
    SELECT 'equity_day', NULL, ARRAY[start_equity, peak_equity], NULL
      FROM equity_day WHERE account = :account AND day = :day
    UNION ALL
    SELECT 'losses', NULL, ARRAY[count(*)::numeric], NULL
      FROM (
        SELECT bool_or(realised_pnl > 0) OVER (ORDER BY place) AS over
          FROM (
            SELECT realised_pnl, row_number() OVER (ORDER BY finished_at DESC) AS place
              FROM parent_order
              WHERE account = :account AND realised_pnl <> 0
                AND finished_at > greatest(:streak_since, (
                  SELECT changed_at FROM breaker
                    WHERE scope_kind = 'account' AND scope_key = :account
                      AND kind = 'consecutive_losses' AND "count" > 0 AND NOT tripped))
              ORDER BY finished_at DESC LIMIT :streak_limit
          ) AS newest
      ) AS streak WHERE NOT over
    UNION ALL
    SELECT 'orders', NULL, ARRAY[count(*)::numeric], NULL
      FROM child_order
      WHERE account = :account AND state <> 'planned' AND sent_at > :second_ago
    UNION ALL
    SELECT 'same_orders', NULL, ARRAY[count(*)::numeric], NULL
      FROM decision
      WHERE account = :account AND verdict <> 'deny' AND decided_at > :minute_ago
        AND intent ->> 'strategy' = :strategy AND intent ->> 'symbol' = :symbol
        AND intent ->> 'side' = :side AND intent ->> 'notional' = :notional
    """
)

_Reader = Callable[[AccountFacts, Sequence[str], Sequence[Decimal], datetime], None]


def instrument_row(
    words: Sequence[str], numbers: Sequence[Decimal], refreshed_at: datetime
) -> InstrumentRow:
    """Trading rules as a statement's part gives them; the row belongs to no session."""
    tick_size, qty_step, min_qty, max_qty, min_notional, max_leverage, *band = numbers
    return InstrumentRow(
        symbol=words[0],
        status=words[1],
        tick_size=tick_size,
        qty_step=qty_step,
        min_qty=min_qty,
        max_qty=max_qty,
        min_notional=min_notional,
        max_leverage=max_leverage,
        price_limit_x=band[0],
        price_limit_y=band[1],
        refreshed_at=refreshed_at,
    )


def _state(
    facts: AccountFacts, words: Sequence[str], numbers: Sequence[Decimal], _: object
) -> None:
    facts.states.append(state_row(words, numbers))


def breaker_row(words: Sequence[str]) -> BreakerRow:
    """A breaker as `BREAKERS` returns it; the row belongs to no session."""
    scope_kind, scope_key, kind, reason = words
    return BreakerRow(scope_kind=scope_kind, scope_key=scope_key, kind=kind, reason=reason)


def _breaker(facts: AccountFacts, words: Sequence[str], _: object, __: object) -> None:
    facts.breakers.append(breaker_row(words))


def _size_share(facts: AccountFacts, _: object, numbers: Sequence[Decimal], __: object) -> None:
    (facts.size_share,) = numbers


def _recovery(
    facts: AccountFacts, words: Sequence[str], numbers: Sequence[Decimal], _: object
) -> None:
    scope = (words[0], words[1])
    facts.recoveries[scope] = min(numbers[0], facts.recoveries.get(scope, numbers[0]))


def _fitness(facts: AccountFacts, words: Sequence[str], _: object, at: datetime) -> None:
    facts.fitness = (words[0] == "true", words[1], at)


def _lease(
    facts: AccountFacts, words: Sequence[str], numbers: Sequence[Decimal], _: object
) -> None:
    facts.lease = (words, numbers)


def _stage(
    facts: AccountFacts, words: Sequence[str], numbers: Sequence[Decimal], _: object
) -> None:
    facts.stage = of_facts(words, numbers)


def _stage_exposure(facts: AccountFacts, _: object, numbers: Sequence[Decimal], __: object) -> None:
    (facts.stage_exposure,) = numbers


def _instrument(
    facts: AccountFacts, words: Sequence[str], numbers: Sequence[Decimal], at: datetime
) -> None:
    facts.instrument = instrument_row(words, numbers, at)


def _position(
    facts: AccountFacts, words: Sequence[str], numbers: Sequence[Decimal], marked_at: datetime
) -> None:
    qty, entry, liquidation, mark = numbers
    facts.positions.append(HeldPosition(words[0], qty, entry, liquidation, mark, marked_at))


def _fill(facts: AccountFacts, _: object, numbers: Sequence[Decimal], at: datetime) -> None:
    facts.newest_fill = (numbers[0], at)


def _unbooked(facts: AccountFacts, _: object, numbers: Sequence[Decimal], __: object) -> None:
    (facts.unbooked,) = numbers


def _reserved(
    facts: AccountFacts, words: Sequence[str], numbers: Sequence[Decimal], _: object
) -> None:
    symbol, side, reduce_only = words
    facts.reservations.append(HeldReservation(symbol, side, reduce_only == "true", *numbers))


def _own(facts: AccountFacts, _: object, numbers: Sequence[Decimal], __: object) -> None:
    (facts.own_qty,) = numbers


def _own_working(facts: AccountFacts, _: object, numbers: Sequence[Decimal], __: object) -> None:
    (facts.own_working,) = numbers


def _own_reserved(facts: AccountFacts, _: object, numbers: Sequence[Decimal], __: object) -> None:
    (facts.own_reserved,) = numbers


def _equity(facts: AccountFacts, _: object, numbers: Sequence[Decimal], at: datetime) -> None:
    facts.equity, facts.available = numbers
    facts.equity_at = at


def _in_flight(facts: AccountFacts, _: object, numbers: Sequence[Decimal], __: object) -> None:
    facts.resting_notional, facts.filled_since = numbers


def _equity_a_day_ago(
    facts: AccountFacts, _: object, numbers: Sequence[Decimal], at: datetime
) -> None:
    (facts.equity_a_day_ago,) = numbers
    facts.equity_a_day_ago_at = at


def _cash_flow(facts: AccountFacts, _: object, numbers: Sequence[Decimal], at: datetime) -> None:
    facts.cash_flows.append((at, numbers[0]))


def _equity_day(facts: AccountFacts, _: object, numbers: Sequence[Decimal], __: object) -> None:
    facts.equity_day_start, facts.equity_peak = numbers


def _losses(facts: AccountFacts, _: object, numbers: Sequence[Decimal], __: object) -> None:
    facts.consecutive_losses = int(numbers[0])


def _orders(facts: AccountFacts, _: object, numbers: Sequence[Decimal], __: object) -> None:
    facts.orders_last_second = int(numbers[0])


def _same_orders(facts: AccountFacts, _: object, numbers: Sequence[Decimal], __: object) -> None:
    facts.same_orders_last_minute = int(numbers[0])


_READERS: dict[str, _Reader] = {
    "state": _state,
    "breaker": _breaker,
    "size_share": _size_share,
    "recovery": _recovery,
    "fitness": _fitness,
    "lease": _lease,
    "stage": _stage,
    "stage_exposure": _stage_exposure,
    "instrument": _instrument,
    "position": _position,
    "fill": _fill,
    "unbooked": _unbooked,
    "reserved": _reserved,
    "own": _own,
    "own_working": _own_working,
    "own_reserved": _own_reserved,
    "equity": _equity,
    "in_flight": _in_flight,
    "equity_a_day_ago": _equity_a_day_ago,
    "cash_flow": _cash_flow,
    "equity_day": _equity_day,
    "losses": _losses,
    "orders": _orders,
    "same_orders": _same_orders,
}
