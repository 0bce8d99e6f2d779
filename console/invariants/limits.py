"""I5: limits hold under any number of workers; a reservation is neither lost nor doubled."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bot.decision.recorded import RecordedInputs
from bot.execution.algorithms.table import ALGORITHMS
from bot.risk.snapshot import SeenPrice
from console.invariants.decoded import inputs_of, is_ours
from console.invariants.evidence import Evidence
from models.amounts import ZERO, shortest
from models.enums import ReservationState, TradeSide
from models.tables import (
    ChildOrderRow,
    DecisionRow,
    FillRow,
    ParentOrderRow,
    PositionAdoptionRow,
    ReservationRow,
)

# Both sides use the gate's prices, so only the rounding of stored decimals differs.
_ROUNDING = Decimal("1.000001")
_WORTH_SLACK = Decimal("1.5")
"""A factor. Between honest readings a price moves by less, even while a trade is worked for a
day."""


def i5_limits_and_reservations_hold(evidence: Evidence) -> list[str]:
    """Reservations match their parents. No approval exceeds a limit of its own decision, neither by
    the gate's market nor by the exchange's own prices. No trade is worth far more when it is
    filled."""
    session = evidence.session
    return [*_reservations(session), *_exposures(session), *_worth(session)]


def _worth(session: Session) -> list[str]:
    """Finds approvals with fills worth more than the approved notional times `_WORTH_SLACK`.

    For a symbol's first trade only this shows that its market was made up.
    """
    filled = (
        select(ChildOrderRow.request_id, func.sum(FillRow.qty * FillRow.price).label("worth"))
        .join(FillRow, FillRow.child_id == ChildOrderRow.child_id)
        .where(FillRow.exec_type != "Funding", ~ChildOrderRow.reduce_only)
        .group_by(ChildOrderRow.request_id)
        .subquery()
    )
    rows = session.execute(
        select(DecisionRow.request_id, DecisionRow.approved_notional, filled.c.worth)
        .join(filled, filled.c.request_id == DecisionRow.request_id)
        .where(filled.c.worth > DecisionRow.approved_notional * _WORTH_SLACK)
        .order_by(DecisionRow.request_id)
    )
    return [
        f"decision {request_id}: {shortest(round(worth, 2))} were filled at the exchange's prices, "
        f"and {shortest(round(approved, 2))} were approved"
        for request_id, approved, worth in rows
    ]


def _reservations(session: Session) -> list[str]:
    reservations = {row.request_id: row for row in session.scalars(select(ReservationRow))}
    found: list[str] = []
    for parent in session.scalars(select(ParentOrderRow)):
        held = reservations.get(parent.request_id)
        name = f"reservation {parent.request_id}"
        final = parent.state.is_final
        if held is None:
            found.append(f"{name} is missing")
            continue
        if final and (held.state != ReservationState.RELEASED or held.open_qty != ZERO):
            found.append(f"{name} is {held.state} though its parent is {parent.state}")
        expected = parent.approved_qty - parent.filled_qty - parent.released_qty
        if not final and (held.state != ReservationState.HELD or held.open_qty != expected):
            found.append(
                f"{name} is {held.state} with {shortest(held.open_qty)}, "
                f"its parent may still fill {shortest(expected)}"
            )
        same = (held.symbol, held.side, held.approved_qty, held.reduce_only)
        if same != (parent.symbol, parent.side, parent.approved_qty, parent.reduce_only):
            found.append(f"{name} is for another trade than its parent")
    orphans = session.scalars(
        select(ReservationRow.request_id)
        .outerjoin(ParentOrderRow, ParentOrderRow.request_id == ReservationRow.request_id)
        .where(ParentOrderRow.request_id.is_(None))
    )
    found += [f"reservation {request_id} has no parent order" for request_id in orphans]
    return found


@dataclass(slots=True)
class _Open:
    """The open quantity of one approved trade."""

    symbol: str
    sign: int
    reduce_only: bool
    price: Decimal
    qty: Decimal


@dataclass(slots=True)
class _Book:
    """Positions and open quantities of one account, replayed from rows other than the snapshot."""

    positions: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    open: dict[str, _Open] = field(default_factory=dict)
    fills: dict[str, SeenPrice] = field(default_factory=dict)
    """The newest trade of each symbol."""

    def see(self, fill: FillRow) -> None:
        """Keeps the price of a trade. A settlement or a liquidation shows no market price."""
        before = self.fills.get(fill.symbol)
        if fill.exec_type == "Trade" and (before is None or before.at <= fill.executed_at):
            self.fills[fill.symbol] = SeenPrice(fill.price, fill.executed_at)

    def take(self, request_id: str | None, qty: Decimal) -> None:
        if request_id is not None and request_id in self.open:
            trade = self.open[request_id]
            trade.qty = max(ZERO, trade.qty - qty)

    def side_notional(self, symbol: str, sign: int, price: Decimal) -> Decimal:
        """The worth of the position and adding orders in one direction of a symbol; never
        negative."""
        adding = sum(
            (
                trade.qty
                for trade in self.open.values()
                if trade.symbol == symbol and trade.sign == sign and not trade.reduce_only
            ),
            ZERO,
        )
        return max(ZERO, sign * self.positions[symbol] + adding) * price

    def gross(self, marks: Mapping[str, Decimal], orders: Mapping[str, Decimal]) -> Decimal:
        """Positions at `marks` plus adding orders at `orders`, or else at their decisions'
        prices."""
        held = sum((abs(qty) * marks.get(s, ZERO) for s, qty in self.positions.items()), ZERO)
        adding = sum(
            (
                trade.qty * orders.get(trade.symbol, trade.price)
                for trade in self.open.values()
                if not trade.reduce_only
            ),
            ZERO,
        )
        return held + adding


@dataclass(frozen=True, slots=True)
class _Event:
    """A row with its time. `order` sorts rows of one instant: facts come before the decision."""

    at: datetime
    order: int
    row: Any


def _exposures(session: Session) -> list[str]:
    books: dict[str, _Book] = defaultdict(_Book)
    requests = {c.child_id: c.request_id for c in session.scalars(select(ChildOrderRow))}
    found: list[str] = []
    for event in sorted(_events(session), key=lambda e: (e.at, e.order)):
        row = event.row
        book = books[row.account]
        if isinstance(row, FillRow):
            book.see(row)
            if row.exec_type != "Funding":
                book.positions[row.symbol] += row.qty * row.side.sign
            book.take(requests.get(row.child_id or -1), row.qty)
        elif isinstance(row, PositionAdoptionRow):
            book.positions[row.symbol] += row.qty_after - row.qty_before
        elif isinstance(row, ChildOrderRow):
            book.take(row.request_id, row.qty - row.filled_qty)
        elif isinstance(row, ParentOrderRow):
            book.open.pop(row.request_id, None)
        else:
            found += _decided(book, row)
    return found


def _events(session: Session) -> Iterator[_Event]:
    for fill in session.scalars(select(FillRow)):
        yield _Event(fill.recorded_at, 0, fill)
    for adopted in session.scalars(select(PositionAdoptionRow)):
        yield _Event(adopted.adopted_at, 0, adopted)
    children = session.scalars(select(ChildOrderRow)).all()
    parents = session.scalars(select(ParentOrderRow)).all()
    stepped = {parent.request_id for parent in parents if _keeps_its_rests(parent)}
    attempts = {(c.request_id, c.slot, c.attempt) for c in children}
    for child in children:
        goes_on = (child.request_id, child.slot, child.attempt + 1) in attempts
        if child.final_at is not None and not goes_on and child.request_id not in stepped:
            yield _Event(child.final_at, 1, child)
    for parent in parents:
        if parent.finished_at is not None:
            yield _Event(parent.finished_at, 2, parent)
    for decision in session.scalars(select(DecisionRow).where(DecisionRow.approved_qty > 0)):
        yield _Event(decision.decided_at, 3, decision)


def _keeps_its_rests(parent: ParentOrderRow) -> bool:
    """Whether the parent is stepped from its start. Such a parent passes the rest of a child to the
    next child, and releases it at the end.

    A schedule that a backup plan turned into steps has released rests before. For it a child's end
    counts as a release. That can find too few violations, never too many.
    """
    return ALGORITHMS[parent.algorithm].plan is None or "volume_model" in parent.params


def _decided(book: _Book, row: DecisionRow) -> list[str]:
    """Puts an approved trade into the book, and returns the limits that the result exceeds."""
    symbol, sign = str(row.intent["symbol"]), TradeSide(row.intent["side"]).sign
    price = row.reference_price or ZERO
    reduce_only = bool(row.decision["reduce_only"])
    book.open[row.request_id] = _Open(symbol, sign, reduce_only, price, row.approved_qty)
    inputs = inputs_of(row)
    if isinstance(inputs, str):
        return [inputs] if is_ours(row) else []
    limits, portfolio = inputs.limits, inputs.snapshot.portfolio
    if reduce_only:
        return []
    if portfolio is None or portfolio.equity is None:
        return [f"decision {row.request_id} added risk without a known equity"]
    marks = {p.symbol: p.mark for p in portfolio.positions if p.mark is not None}
    marks.setdefault(symbol, price)
    least = _least_prices(book, inputs)
    uses = (
        ("position", book.side_notional(symbol, sign, price), limits.max_position_share),
        ("gross exposure", book.gross(marks, {}), limits.max_gross_exposure_share),
        (
            "position at the exchange's prices",
            book.side_notional(symbol, sign, least.get(symbol, ZERO)),
            limits.max_position_share,
        ),
        (
            "gross exposure at the exchange's prices",
            book.gross(marks | least, least),
            limits.max_gross_exposure_share,
        ),
    )
    return [
        f"decision {row.request_id}: {what} of {shortest(round(value, 2))} exceeds "
        f"{shortest(share)} of the equity {shortest(round(portfolio.equity, 2))}"
        for what, value, share in uses
        if value > share * portfolio.equity * _ROUNDING
    ]


def _least_prices(book: _Book, inputs: RecordedInputs) -> dict[str, Decimal]:
    """The lowest honest price of each symbol by the exchange's own prices.

    The base is the exchange's stored mark, or our newest fill if the mark is missing, or old and
    older than the fill. A young base is reduced by the largest allowed disagreement, an old one is
    divided by `_WORTH_SLACK`. The market view, which gives the gate its prices, has no say here.
    """
    snapshot, limits = inputs.snapshot, inputs.limits
    bound = max(ZERO, 1 - Decimal(repr(limits.max_disagreement_bps)) / 10_000)

    def least(said: SeenPrice, seconds: float) -> Decimal:
        return said.price * bound if is_young(said, seconds) else said.price / _WORTH_SLACK

    def is_young(said: SeenPrice, seconds: float) -> bool:
        return (snapshot.taken_at - said.at).total_seconds() <= seconds

    found = {s: least(fill, limits.fill_witness_seconds) for s, fill in book.fills.items()}
    for position in () if snapshot.portfolio is None else snapshot.portfolio.positions:
        mark, fill = position.exchange_mark, book.fills.get(position.symbol)
        if mark is None:
            continue
        if fill is None or fill.at <= mark.at or is_young(mark, limits.mark_witness_seconds):
            found[position.symbol] = least(mark, limits.mark_witness_seconds)
    return found
