"""The costs of one trade, per child and in total, against decision, arrival and the market.

Every figure in bps is positive when it cost us. The children's costs and the parent's opportunity
add up to the parent's total: each child is measured from the same decision price.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from bot.market.bars import MINUTE, Bar
from bot.tca.benchmarks import REVERSION_AFTER, Interval, interval, price_at, reversion
from bot.tca.impact import ImpactPoint
from bot.tca.shortfall import (
    EXACT,
    FillPart,
    Prices,
    Shortfall,
    filled_qty,
    in_bps,
    maker_share,
    share,
    shortfall,
)
from bot.tca.trade import Child, Fill, Trade
from models.amounts import ZERO
from models.enums import TradeSide


@dataclass(frozen=True, slots=True)
class AgainstMarket:
    """The fills against the market while they were made; None where bars or fills are missing."""

    vwap: Decimal | None = None
    twap: Decimal | None = None
    vwap_bps: Decimal | None = None
    twap_bps: Decimal | None = None
    participation: Decimal | None = None
    """The share of the market's volume meanwhile, of at least a minute."""
    reversion_1m_bps: Decimal | None = None
    reversion_5m_bps: Decimal | None = None


@dataclass(frozen=True, slots=True)
class ChildCost:
    """One order's part of the cost; the parent counts its opportunity cost."""

    order_link_id: str
    slot: int
    attempt: int
    style: str
    state: str
    qty: Decimal
    cost: Shortfall
    arrival: Decimal | None
    """The mid when it went out; None when it wasn't stored, and then its delay counts as
    trading."""
    arrival_age_ms: float | None
    half_spread_bps: Decimal | None
    fill_rate: Decimal | None
    maker_share: Decimal | None
    realised_impact_bps: Decimal | None
    """The move from its own arrival's mid to its fills, without the half spread paid or earned."""
    late_ms: float | None
    """The time from the plan to the sending."""
    ack_ms: float | None
    market: AgainstMarket
    planned_at: datetime
    sent_at: datetime | None
    fills: tuple[Fill, ...]


@dataclass(frozen=True, slots=True)
class TradeCost:
    """One trade's costs. Each `*_basis` names the price that was taken, where several are
    possible."""

    request_id: str
    strategy: str
    algorithm: str
    symbol: str
    side: TradeSide
    state: str
    is_final: bool
    nothing_left: bool
    """Whether it ended because others had closed the position that it was to reduce."""
    decided_at: datetime
    qty: Decimal
    """The tradable quantity: the approved one, or less if others closed the rest."""
    prices: Prices
    decision_basis: str
    first_order_basis: str
    end_basis: str
    cost: Shortfall
    fill_rate: Decimal | None
    maker_share: Decimal | None
    expected_impact_bps: float | None
    realised_impact_bps: Decimal | None
    """The move from the first order's mid to the fills, without the half spread paid or earned."""
    market: AgainstMarket
    children: tuple[ChildCost, ...]
    impact_point: ImpactPoint | None

    @property
    def is_void(self) -> bool:
        """Whether nothing was traded or lost, because others had closed the position before."""
        return self.nothing_left and not self.cost.filled


def analyse(trade: Trade, bars: Sequence[Bar] = ()) -> TradeCost:
    """The costs of a trade. Raises Refused when a needed price is missing or not positive."""
    first, first_basis = _first_order(trade)
    end, end_basis = _end(trade, bars)
    prices = Prices(trade.decision_price, first, end)
    qty = _to_trade(trade)
    cost = shortfall(trade.side, qty, prices, trade.parts)
    sent = trade.sent
    began = sent[0].sent_at if sent else None
    impact = _impact(trade, cost, first)
    return TradeCost(
        request_id=trade.request_id,
        strategy=trade.strategy,
        algorithm=trade.algorithm,
        symbol=trade.symbol,
        side=trade.side,
        state=trade.state,
        is_final=trade.is_final,
        nothing_left=trade.nothing_left,
        decided_at=trade.decided_at,
        qty=qty,
        prices=prices,
        decision_basis=trade.decision_basis,
        first_order_basis=first_basis,
        end_basis=end_basis,
        cost=cost,
        fill_rate=share(cost.filled, qty),
        maker_share=maker_share(trade.parts),
        expected_impact_bps=trade.expected.impact_bps,
        realised_impact_bps=None if impact is None else in_bps(*impact),
        market=_against(trade.side, cost, trade.fills, began, bars),
        children=tuple(_child(trade, child, bars) for child in trade.children),
        impact_point=None if impact is None else _point(trade, cost, impact),
    )


def _to_trade(trade: Trade) -> Decimal:
    """The tradable quantity without the part that others closed; with nothing filled it is only a
    size."""
    filled = filled_qty(trade.parts) if trade.nothing_left else ZERO
    return filled or trade.approved_qty


def _first_order(trade: Trade) -> tuple[Decimal, str]:
    sent = trade.sent
    if not sent:
        return trade.decision_price, "no order was sent"
    arrival = sent[0].arrival
    if arrival is None:
        return trade.decision_price, "not stored: the delay is counted as trading"
    return arrival.mid, "mid at the first order"


def _end(trade: Trade, bars: Sequence[Bar]) -> tuple[Decimal, str]:
    """The price of the unfilled part: the market at the end, or the newest known price."""
    if trade.nothing_left:
        return trade.decision_price, "no position was left: the rest was not ours to lose"
    at = trade.finished_at
    market = None if at is None else price_at(bars, at)
    if market is not None:
        return market, "market at the end"
    known = [child.arrival for child in trade.sent if child.arrival is not None]
    if known:
        return known[-1].mid, "mid at the last order"
    fills = trade.fills
    if fills:
        return fills[-1].part.price, "last fill"
    return trade.decision_price, "unknown: the decision's price stands in"


def _child(trade: Trade, child: Child, bars: Sequence[Bar]) -> ChildCost:
    mid = None if child.arrival is None else child.arrival.mid
    prices = Prices(trade.decision_price, trade.decision_price if mid is None else mid, None)
    filled = filled_qty(child.parts)
    # An unfilled child has no filled base, so its order's size is used.
    cost = shortfall(trade.side, filled or child.qty, _flat(prices), child.parts)
    arrival = child.arrival
    age = None if arrival is None else _milliseconds(arrival.as_of, child.sent_at)
    half = None if arrival is None else arrival.half_spread
    return ChildCost(
        order_link_id=child.order_link_id,
        slot=child.slot,
        attempt=child.attempt,
        style=child.style,
        state=child.state,
        qty=child.qty,
        cost=cost,
        arrival=mid,
        arrival_age_ms=age,
        half_spread_bps=None if half is None or mid is None else in_bps(half, mid),
        fill_rate=share(filled, child.qty),
        maker_share=maker_share(child.parts),
        realised_impact_bps=_child_impact(child, cost, mid),
        late_ms=_milliseconds(child.planned_at, child.sent_at),
        ack_ms=_milliseconds(child.sent_at, child.acked_at),
        market=_against(trade.side, cost, child.fills, child.sent_at, bars),
        planned_at=child.planned_at,
        sent_at=child.sent_at,
        fills=child.fills,
    )


def _flat(prices: Prices) -> Prices:
    """With an end price equal to the decision's, so that an order's open rest costs nothing
    here."""
    return Prices(prices.decision, prices.first_order, prices.decision)


def _against(
    side: TradeSide,
    cost: Shortfall,
    fills: Sequence[Fill],
    began: datetime | None,
    bars: Sequence[Bar],
) -> AgainstMarket:
    """The fills against the market between the first order and the last fill."""
    if not fills or began is None or cost.average is None:
        return AgainstMarket()
    # The exchange's clock may be a little behind ours.
    ended = max(began, *(fill.executed_at for fill in fills))
    found = interval(bars, began, ended)
    back = [_reversion(side, bars, ended, after) for after in REVERSION_AFTER]
    if found is None:
        return AgainstMarket(reversion_1m_bps=back[0], reversion_5m_bps=back[1])
    return AgainstMarket(
        vwap=found.vwap,
        twap=found.twap,
        vwap_bps=_worse(side, cost.average, found.vwap),
        twap_bps=_worse(side, cost.average, found.twap),
        participation=share(cost.filled, _volume_meanwhile(found, ended - began)),
        reversion_1m_bps=back[0],
        reversion_5m_bps=back[1],
    )


def _volume_meanwhile(found: Interval, span: timedelta) -> Decimal:
    """The market's volume, for at least a minute at the same rate, because bars don't resolve
    seconds."""
    if span >= MINUTE:
        return found.volume
    microsecond = timedelta(microseconds=1)
    length = max(span, microsecond) // microsecond
    return found.volume * Decimal(MINUTE // microsecond) / Decimal(length)


def _worse(side: TradeSide, paid: Decimal, benchmark: Decimal | None) -> Decimal | None:
    return None if benchmark is None else in_bps((paid - benchmark) * side.sign, benchmark)


def _reversion(
    side: TradeSide, bars: Sequence[Bar], ended: datetime, after: timedelta
) -> Decimal | None:
    then, later = price_at(bars, ended), price_at(bars, ended + after)
    return None if then is None or later is None else reversion(side, then, later)


def _impact(trade: Trade, cost: Shortfall, first: Decimal) -> tuple[Decimal, Decimal] | None:
    """The price move by our trading, and the notional at arrival to which it relates.

    The half spread that takers pay and makers earn is excluded. None unless the market of every
    filled order is stored.
    """
    if not cost.filled or any(child.arrival is None for child in _filled(trade)):
        return None
    if trade.sent[0].arrival is None:
        return None
    spread = ZERO
    for child in _filled(trade):
        spread = EXACT.add(spread, _half_spreads(child))
    return EXACT.subtract(cost.trading, spread), EXACT.multiply(cost.filled, first)


def _child_impact(child: Child, cost: Shortfall, mid: Decimal | None) -> Decimal | None:
    if mid is None or not cost.filled:
        return None
    moved = EXACT.subtract(cost.trading, _half_spreads(child))
    return in_bps(moved, EXACT.multiply(cost.filled, mid))


def _half_spreads(child: Child) -> Decimal:
    """The spread that its takers paid less the spread that its makers earned; 0 without its
    market."""
    if child.arrival is None:
        return ZERO
    return EXACT.multiply(child.arrival.half_spread, _taken_less_rested(child.parts))


def _filled(trade: Trade) -> list[Child]:
    return [child for child in trade.children if child.fills]


def _taken_less_rested(parts: Sequence[FillPart]) -> Decimal:
    rested = filled_qty(part for part in parts if part.is_maker)
    taken = filled_qty(part for part in parts if not part.is_maker)
    return EXACT.subtract(taken, rested)


def _point(trade: Trade, cost: Shortfall, impact: tuple[Decimal, Decimal]) -> ImpactPoint | None:
    """This trade as a point of the impact law; None when the gate's snapshot lacks its inputs."""
    volume, sigma = trade.expected.day_volume, trade.expected.day_volatility
    if volume is None or sigma is None or cost.average is None:
        return None
    moved, notional = impact
    return ImpactPoint(float(moved / notional), float(notional), float(volume), sigma)


def _milliseconds(start: datetime | None, end: datetime | None) -> float | None:
    if start is None or end is None:
        return None
    return (end - start) / timedelta(milliseconds=1)
