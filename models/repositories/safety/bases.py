"""The bases of losses: confirmed readings of equity, scaled by later cash flows.

A base is believed once three readings in a row agree on it. Every later cash flow scales it: a
withdrawal of 11 % makes it 11 % smaller, and so is no loss. All of it is rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, localcontext
from statistics import median

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.amounts import PLACES, worth
from models.inserting import insert_unless_known
from models.tables import CashFlowRow, EquityDayRow, EquityRow

CONFIRMATIONS = 3
"""Readings in a row that must agree before they trip a breaker: one bad tick is no loss."""
AGREEMENT = Decimal("0.02")
"""Readings agree within this share, which is far above a market's effect on an account in nine
seconds."""
CARRIED = timedelta(hours=1)
"""A day starts from the last confirmed equity of the day before, unless that is older than this."""
UNVALUED_FOR = timedelta(hours=1)
"""The time within which readings must show the effect of a deposit without a price."""
FLOWS_AWAY = timedelta(seconds=60)
"""The time for which cash flows may be unreadable before losses count all the same."""


@dataclass(frozen=True, slots=True)
class Flow:
    """Money that came into the account (positive) or left it; not made or lost by trading."""

    flow_id: str
    kind: str
    currency: str
    amount: Decimal
    at: datetime
    price: Decimal | None = Decimal(1)
    """The price of one unit, in equity's own unit; None when it is unknown."""
    price_source: str | None = "at par"

    @property
    def value(self) -> Decimal | None:
        """The flow in the settle coin; None while its coin has no known price."""
        return None if self.price is None else worth(self.amount, self.price)


def newest_day(session: Session, account: str, *, lock: bool = False) -> EquityDayRow | None:
    """The newest day that has a reading."""
    query = (
        select(EquityDayRow)
        .where(EquityDayRow.account == account)
        .order_by(EquityDayRow.day.desc())
        .limit(1)
        .execution_options(populate_existing=True)
    )
    return session.scalar(query.with_for_update() if lock else query)


def begin_day(session: Session, account: str, at: datetime, equity: Decimal) -> EquityDayRow:
    """The day of a first reading. It starts from the last confirmed equity, where that is recent;
    else from this reading, until others have confirmed it."""
    before = newest_day(session, account)
    day = at.astimezone(UTC).date().isoformat()
    row = EquityDayRow(
        account=account,
        day=day,
        start_equity=equity,
        start_at=at,
        start_confirmed=False,
        peak_equity=equity,
        peak_at=at,
        low_equity=equity,
    )
    if before is not None and before.day < day:
        row.peak_equity, row.peak_at = before.peak_equity, before.peak_at
        row.confirmed_equity, row.confirmed_at = before.confirmed_equity, before.confirmed_at
        row.flows_read_at, row.rebased_at = before.flows_read_at, before.rebased_at
        last, last_at = before.confirmed_equity, before.confirmed_at
        if last is not None and last_at is not None and at - last_at <= CARRIED:
            row.start_equity, row.start_at, row.start_confirmed = last, last_at, True
    insert_unless_known(session, row)
    return session.get_one(EquityDayRow, (account, day), populate_existing=True)


def confirm(session: Session, account: str, now: datetime) -> EquityDayRow | None:
    """Takes the newest readings: the value on which three of them agree is the account's equity."""
    day = newest_day(session, account, lock=True)
    if day is None:
        return None
    found = readings(session, account, known_until(day, now))
    value = agreed([equity for _, equity in found])
    if value is None:
        return day
    at = found[0][0]
    day.confirmed_equity, day.confirmed_at = value, at
    first = not day.start_confirmed and not _has_confirmed_peak(session, day)
    if not day.start_confirmed:
        day.start_equity, day.start_at, day.start_confirmed = value, at, True
    if first or value > day.peak_equity:
        day.peak_equity, day.peak_at = value, at
    return day


def agreed(equities: Sequence[Decimal]) -> Decimal | None:
    """The middle one of enough readings that lie close together; else None."""
    if len(equities) < CONFIRMATIONS:
        return None
    lowest, highest = min(equities), max(equities)
    if highest - lowest > abs(highest) * AGREEMENT:
        return None
    return median(equities)


def known_until(day: EquityDayRow, now: datetime) -> datetime:
    """The moment up to which readings can be told from cash flows."""
    read = day.flows_read_at
    return now if read is None or now - read > FLOWS_AWAY else read


def readings(
    session: Session, account: str, until: datetime, count: int = CONFIRMATIONS
) -> list[tuple[datetime, Decimal]]:
    """The newest readings up to a moment, newest first, each in that moment's money."""
    rows = session.execute(
        select(EquityRow.at, EquityRow.equity)
        .where(EquityRow.account == account, EquityRow.at <= until)
        .order_by(EquityRow.at.desc())
        .limit(count)
    ).all()
    if not rows:
        return []
    flows = session.execute(
        select(CashFlowRow.at, CashFlowRow.share).where(
            CashFlowRow.account == account,
            CashFlowRow.at > rows[-1].at,
            CashFlowRow.at <= until,
            CashFlowRow.share.is_not(None),
        )
    ).all()
    return [(r.at, scaled(r.equity, [f.share for f in flows if f.at > r.at])) for r in rows]


def newest_reading_at(session: Session, account: str) -> datetime | None:
    """The time of the account's newest reading of equity; None before the first."""
    return session.scalar(select(func.max(EquityRow.at)).where(EquityRow.account == account))


def scaled(equity: Decimal, shares: Sequence[Decimal]) -> Decimal:
    """The equity times every share: its worth after the cash flows that have these shares."""
    for share in shares:
        equity *= share
    return equity


def scaled_since(session: Session, account: str, equity: Decimal, at: datetime) -> Decimal:
    """An equity of a moment in the money of now: later cash flows scale it."""
    shares = session.scalars(
        select(CashFlowRow.share).where(
            CashFlowRow.account == account, CashFlowRow.at > at, CashFlowRow.share.is_not(None)
        )
    ).all()
    return scaled(equity, [share for share in shares if share is not None])


def first_readings(
    session: Session, account: str, since: datetime, count: int = CONFIRMATIONS
) -> list[Decimal]:
    """The first readings from a moment on, each in the money of now."""
    rows = session.execute(
        select(EquityRow.at, EquityRow.equity)
        .where(EquityRow.account == account, EquityRow.at >= since)
        .order_by(EquityRow.at)
        .limit(count)
    ).all()
    return [scaled_since(session, account, row.equity, row.at) for row in rows]


def known_flows(session: Session, account: str, ids: Sequence[str]) -> set[str]:
    """Those of these flows that are booked already."""
    query = select(CashFlowRow.flow_id).where(
        CashFlowRow.account == account, CashFlowRow.flow_id.in_(ids)
    )
    return set(session.scalars(query))


def book_flow(session: Session, account: str, flow: Flow, now: datetime) -> bool:
    """Stores a cash flow once and scales earlier readings; returns False when it was known.

    A flow of unknown value scales nothing here: see `settle_unvalued`.
    """
    day = newest_day(session, account, lock=True)
    before = [equity for _, equity in readings(session, account, flow.at)]
    value = flow.value
    share = _share(median(before), value) if before and value is not None else None
    row = CashFlowRow(
        account=account,
        flow_id=flow.flow_id,
        at=flow.at,
        kind=flow.kind,
        currency=flow.currency,
        amount=flow.amount,
        price=flow.price,
        price_source=flow.price_source,
        value=value,
        share=share,
        recorded_at=now,
    )
    if not insert_unless_known(session, row):
        return False
    if day is None or not before or value is None:
        return True
    if share is None:
        # The account was emptied, or filled from zero: it begins anew.
        rebase(session, account, now)
        day.start_confirmed, day.rebased_at = False, flow.at
        day.peak_equity, day.peak_at = Decimal(0), flow.at
        return True
    _scale(day, share, flow.at)
    return True


def settle_unvalued(session: Session, account: str, now: datetime) -> list[CashFlowRow]:
    """Scales by deposits of unknown value; returns those that this settles.

    The rise from the readings before to those after is taken as the deposit, so that it hides no
    loss. A withdrawal of unknown value scales nothing and counts as a loss. Either may trip a limit
    too early, but never too late.
    """
    day = newest_day(session, account, lock=True)
    open_flows = session.scalars(
        select(CashFlowRow)
        .where(
            CashFlowRow.account == account,
            CashFlowRow.at > now - UNVALUED_FOR,
            CashFlowRow.value.is_(None),
            CashFlowRow.share.is_(None),
            CashFlowRow.amount > 0,
        )
        .order_by(CashFlowRow.at, CashFlowRow.flow_id)
    ).all()
    settled = []
    for row in open_flows if day is not None else ():
        share = _risen(session, account, row.at)
        if share is not None and day is not None:
            row.share = share
            _scale(day, share, row.at)
            session.flush()
            settled.append(row)
    return settled


def _risen(session: Session, account: str, at: datetime) -> Decimal | None:
    """The factor by which the readings after a moment exceed those before, at least one; None
    without enough readings."""
    following = session.execute(
        select(EquityRow.at, EquityRow.equity)
        .where(EquityRow.account == account, EquityRow.at > at)
        .order_by(EquityRow.at)
        .limit(CONFIRMATIONS)
    ).all()
    after = agreed([row.equity for row in following])
    before = [equity for _, equity in readings(session, account, at)]
    if after is None or not before:
        return None
    between = session.scalars(
        select(CashFlowRow.share).where(
            CashFlowRow.account == account,
            CashFlowRow.at > at,
            CashFlowRow.at <= following[-1].at,
            CashFlowRow.share.is_not(None),
        )
    ).all()
    was = scaled(median(before), [share for share in between if share is not None])
    return _share(was, max(Decimal(0), after - was))


def _scale(day: EquityDayRow, share: Decimal, at: datetime) -> None:
    """Scales the readings before a cash flow to the money after it."""
    if day.start_at is None or day.start_at < at:
        day.start_equity *= share
    if day.peak_at is None or day.peak_at < at:
        day.peak_equity *= share
    if day.confirmed_equity is not None and day.confirmed_at and day.confirmed_at < at:
        day.confirmed_equity *= share


def _share(before: Decimal, amount: Decimal) -> Decimal | None:
    """The factor by which a cash flow scales the equity before it."""
    if before <= 0 or before + amount <= 0:
        return None
    with localcontext() as context:
        context.prec = 38
        return ((before + amount) / before).quantize(PLACES)


def rebase(session: Session, account: str, now: datetime, *, peak: bool = False) -> None:
    """Takes the present equity as the new start of the day and of 24 hours, and with `peak` of the
    drawdown, because earlier losses have been judged."""
    day = newest_day(session, account, lock=True)
    if day is None:
        return
    newest = readings(session, account, now)
    value = agreed([equity for _, equity in newest])
    day.rebased_at = newest[-1][0] if newest else now
    day.start_confirmed = value is not None
    if newest:
        day.start_equity, day.start_at = value or newest[0][1], newest[0][0]
        if peak:
            day.peak_equity, day.peak_at = day.start_equity, day.start_at


def _has_confirmed_peak(session: Session, day: EquityDayRow) -> bool:
    """Whether an earlier day has a confirmed peak, or this day was started anew."""
    earlier = select(EquityDayRow.day).where(
        EquityDayRow.account == day.account, EquityDayRow.day < day.day
    )
    return day.rebased_at is not None or session.scalar(earlier.limit(1)) is not None
