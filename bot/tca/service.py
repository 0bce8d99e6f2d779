"""Reads executed trades from the rows and computes their costs, with the market's bars if given."""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.errors import MlriskError, Refused
from bot.execution.booking import fees
from bot.market.bars import MINUTE, Bar, MinuteSource
from bot.tca.analysis import TradeCost, analyse
from bot.tca.benchmarks import REVERSION_AFTER
from bot.tca.shortfall import FillPart
from bot.tca.trade import Child, Expectation, Fill, Trade
from models.amounts import middle
from models.enums import EndCause
from models.repositories import figures
from models.tables import ChildOrderRow, DecisionRow, FillRow, OtherFeeRow, ParentOrderRow


@dataclass(frozen=True, slots=True)
class Costs:
    """The computed costs; `problems` says which could not be computed, and why."""

    trades: tuple[TradeCost, ...]
    problems: tuple[str, ...]
    bars: Mapping[str, Sequence[Bar]] = field(default_factory=dict)
    """The market's minutes that were read, by symbol and time."""


def costs(
    session: Session,
    *,
    request_id: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    bars: MinuteSource | None = None,
) -> Costs:
    """Costs of one request, or of all trades that started at `since` or later and before `until`,
    oldest first."""
    problems: list[str] = []
    trades = []
    for parent, decision, children, fills, others in _rows(session, request_id, since, until):
        try:
            trades.append(_trade(parent, decision, children, fills, others))
        except Refused as error:
            problems.append(f"{parent.request_id}: {error.message}")
            continue
        problems += _without_price(parent.request_id, children, fills, others)
    market = _market(trades, bars, problems)
    found = []
    for trade in trades:
        try:
            found.append(analyse(trade, _around(trade, market.get(trade.symbol, ()))))
        except Refused as error:
            problems.append(f"{trade.request_id}: {error.message}")
    return Costs(tuple(found), tuple(problems), market)


def newest_impacts(session: Session, since: datetime, most: int) -> tuple[float, ...]:
    """The impacts on the market in bps of the newest trades since then, about `most` of them: each
    one needs all its fills."""
    found = costs(session, since=figures.start_of_newest(session, since, most))
    known = (trade.realised_impact_bps for trade in found.trades)
    return tuple(float(impact) for impact in known if impact is not None)


_Fills = Mapping[int, Sequence[FillRow]]
_Others = Mapping[str, Sequence[OtherFeeRow]]
"""Fees in third coins, by the fill's id."""
_Rows = tuple[ParentOrderRow, DecisionRow, list[ChildOrderRow], _Fills, _Others]


def _rows(
    session: Session, request_id: str | None, since: datetime | None, until: datetime | None
) -> list[_Rows]:
    query = select(ParentOrderRow, DecisionRow).join(
        DecisionRow, DecisionRow.request_id == ParentOrderRow.request_id
    )
    chosen = select(ParentOrderRow.request_id)
    if request_id is not None:
        chosen = chosen.where(ParentOrderRow.request_id == request_id)
    if since is not None:
        chosen = chosen.where(ParentOrderRow.start_at >= since)
    if until is not None:
        chosen = chosen.where(ParentOrderRow.start_at < until)
    parents = session.execute(
        query.where(ParentOrderRow.request_id.in_(chosen)).order_by(
            ParentOrderRow.start_at, ParentOrderRow.request_id
        )
    ).all()
    children: dict[str, list[ChildOrderRow]] = defaultdict(list)
    for child in session.scalars(
        select(ChildOrderRow)
        .where(ChildOrderRow.request_id.in_(chosen))
        .order_by(ChildOrderRow.slot, ChildOrderRow.attempt)
    ):
        children[child.request_id].append(child)
    fills: dict[int, list[FillRow]] = defaultdict(list)
    for fill in session.scalars(
        select(FillRow)
        .join(ChildOrderRow, ChildOrderRow.child_id == FillRow.child_id)
        .where(ChildOrderRow.request_id.in_(chosen))
        .order_by(FillRow.executed_at, FillRow.exec_id)
    ):
        if fill.child_id is not None:
            fills[fill.child_id].append(fill)
    others: dict[str, list[OtherFeeRow]] = defaultdict(list)
    for row in session.scalars(select(OtherFeeRow).where(OtherFeeRow.request_id.in_(chosen))):
        others[row.exec_id].append(row)
    return [
        (parent, decision, children[parent.request_id], fills, others)
        for parent, decision in parents
    ]


def _trade(
    parent: ParentOrderRow,
    decision: DecisionRow,
    children: Iterable[ChildOrderRow],
    fills: _Fills,
    others: _Others,
) -> Trade:
    market = decision.snapshot.get("market") or {}
    price, basis = _decision_price(parent, market)
    return Trade(
        request_id=parent.request_id,
        strategy=parent.strategy,
        algorithm=parent.algorithm,
        symbol=parent.symbol,
        side=parent.side,
        state=parent.state,
        is_final=parent.state.is_final,
        approved_qty=parent.approved_qty,
        decided_at=decision.decided_at,
        finished_at=parent.finished_at,
        decision_price=price,
        decision_basis=basis,
        expected=Expectation(
            impact_bps=_expected_impact(decision.decision),
            day_volume=_decimal(market.get("volume_24h")),
            day_volatility=_float(market.get("volatility")),
        ),
        children=tuple(_child(child, fills.get(child.child_id, ()), others) for child in children),
        nothing_left=parent.end_cause is EndCause.NOTHING_TO_REDUCE,
    )


def _decision_price(parent: ParentOrderRow, market: Mapping[str, Any]) -> tuple[Decimal, str]:
    """The mid of the gate's snapshot: half the spread is a cost of trading, not of deciding."""
    bid, ask = _decimal(market.get("bid")), _decimal(market.get("ask"))
    if bid is not None and ask is not None:
        return middle(bid, ask), "mid at the decision"
    return parent.reference_price, "reference price of the decision"


def _child(row: ChildOrderRow, fills: Iterable[FillRow], others: _Others) -> Child:
    return Child(
        order_link_id=row.order_link_id,
        slot=row.slot,
        attempt=row.attempt,
        qty=row.qty,
        state=row.state,
        planned_at=row.planned_at,
        sent_at=row.sent_at,
        acked_at=row.acked_at,
        final_at=row.final_at,
        arrival=row.arrival,
        fills=tuple(Fill(_part(fill, others), fill.executed_at) for fill in fills),
        style=row.style,
    )


def _part(fill: FillRow, others: _Others) -> FillPart:
    return FillPart(fill.qty, fill.price, _fee(fill, others), fill.is_maker)


def _fee(fill: FillRow, others: _Others) -> Decimal:
    """The fees in quote currency; fees in third coins count by their stored value."""
    paid = fees.in_quote(fill.symbol, fill.fee_currency, fill.fee, fill.price) or Decimal(0)
    return sum((row.cost for row in others.get(fill.exec_id, ()) if row.cost is not None), paid)


def _without_price(
    request_id: str, children: Iterable[ChildOrderRow], fills: _Fills, others: _Others
) -> list[str]:
    """The fees that are not in any sum, by coin."""
    apart: dict[str, Decimal] = defaultdict(Decimal)
    for child in children:
        for fill in fills.get(child.child_id, ()):
            for row in others.get(fill.exec_id, ()):
                if row.cost is None:
                    apart[row.coin] += row.amount
    return [
        f"{request_id}: fees of {amount.normalize():f} {coin} have no price and are in no sum"
        for coin, amount in sorted(apart.items())
    ]


def _expected_impact(decision: Mapping[str, Any]) -> float | None:
    """The measured value of the gate's own check, in bps."""
    for check in decision.get("checks", ()):
        if check["name"] == "impact":
            return _float(check["value"])
    return None


def _decimal(value: Any) -> Decimal | None:
    if value is None:
        return None
    try:
        return Decimal(str(value))
    except InvalidOperation as error:
        raise Refused(f"the stored number {value!r} is none") from error


def _float(value: Any) -> float | None:
    number = _decimal(value)
    return None if number is None or not number.is_finite() else float(number)


def _market(
    trades: Sequence[Trade], source: MinuteSource | None, problems: list[str]
) -> dict[str, list[Bar]]:
    """Each symbol's bars over all of its trades, by time; a source that is away is a problem."""
    if source is None:
        return {}
    spans: dict[str, tuple[datetime, datetime]] = {}
    for trade in trades:
        start, end = _span(trade)
        known = spans.get(trade.symbol, (start, end))
        spans[trade.symbol] = min(known[0], start), max(known[1], end)
    found = {}
    for symbol, (start, end) in sorted(spans.items()):
        try:
            read = source.minute_bars(symbol, start, end)
        except MlriskError as error:
            problems.append(f"no market benchmarks of {symbol}: {error.message}")
        else:
            found[symbol] = sorted(read, key=_start)
    return found


def _span(trade: Trade) -> tuple[datetime, datetime]:
    """The interval from the decision to the last price that the reversion needs."""
    ends = [trade.decided_at, *(fill.executed_at for fill in trade.fills)]
    if trade.finished_at is not None:
        ends.append(trade.finished_at)
    return trade.decided_at - MINUTE, max(ends) + max(REVERSION_AFTER) + MINUTE


def _around(trade: Trade, bars: Sequence[Bar]) -> Sequence[Bar]:
    """The bars of a long series that this trade needs."""
    start, end = _span(trade)
    return bars[bisect_left(bars, start, key=_start) : bisect_right(bars, end, key=_start)]


def _start(bar: Bar) -> datetime:
    return bar.start
