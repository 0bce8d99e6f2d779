"""What a trade that was not made would have been worth at its horizon, after all its costs.

It is entered at the market of its decision: a taker at the touch, or at its own limit price where
the market reached that later. It ends at the stop of its request, or at the horizon. Both ways pay
the spread, the fee, and the square-root law's impact of its own size beyond the size that the gate
did allow. What can't be known is named, and is never zero.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from bot.errors import Refused
from bot.market.bars import MINUTE, Bar
from bot.model_risk import outcomes
from bot.risk.book import positive
from bot.risk.limits import RiskLimits
from bot.risk.sizing import sqrt_impact
from bot.risk.snapshot import MarketView, TradeIntent
from bot.tca.shortfall import EXACT, in_bps
from models.amounts import ZERO, middle, stored
from models.enums import NotValued, TradeSide, ValueEnd

TAKER_FEE = Decimal("0.00055")
"""Bybit's base rate of a taker in linear contracts, for an account that has no fills yet."""


@dataclass(frozen=True, slots=True)
class Missed:
    """The trade that the gate would have allowed, beyond the quantity that it did allow."""

    intent: TradeIntent
    decided_at: datetime
    deadline_at: datetime
    """The end of the work of the plan: a limit price has to be reached by then."""
    market: MarketView | None
    equity: Decimal | None
    qty: Decimal
    """Base units beyond those that were allowed."""
    allowed_qty: Decimal
    """Base units that the gate did allow."""

    @property
    def window(self) -> tuple[datetime, datetime]:
        """The end of the decision's minute, and the end of the horizon's last minute."""
        return outcomes.window(self.decided_at, self.intent.horizon_seconds)


@dataclass(frozen=True, slots=True)
class Worth:
    """Money in quote currency; `profit` is after spread, impact and fees, negative for a loss."""

    qty: Decimal
    entry_price: Decimal
    exit_price: Decimal
    ended_by: ValueEnd
    ended_at: datetime
    spread: Decimal
    impact: Decimal
    fees: Decimal
    profit: Decimal
    equity: Decimal
    profit_bps: Decimal
    """The profit in hundredths of a percent of the equity at the decision."""


@dataclass(frozen=True, slots=True)
class _Entry:
    price: Decimal
    at: datetime
    rests: bool
    """Whether the order rested at its limit, so that it paid no spread and moved nothing."""


class _UnknownWorth(Refused):
    """Ends the computation with its answer."""

    def __init__(self, why: NotValued) -> None:
        super().__init__(why.value)
        self.why = why


def worth(
    missed: Missed, bars: Sequence[Bar], limits: RiskLimits, fee_rate: Decimal
) -> Worth | NotValued:
    """The worth of the trade by the market's minutes, or why it isn't known."""
    try:
        return _worth(missed, {bar.start: bar for bar in bars}, limits, fee_rate)
    except _UnknownWorth as unknown:
        return unknown.why


def _worth(
    missed: Missed, bars: Mapping[datetime, Bar], limits: RiskLimits, fee_rate: Decimal
) -> Worth:
    equity = positive(missed.equity)
    if equity is None:
        raise _UnknownWorth(NotValued.NO_EQUITY)
    bid, ask = _touch(missed.market)
    entry = _entry(missed, ask if missed.intent.side is TradeSide.BUY else bid, bars)
    price, ended_by, ended_at = _exit(missed, entry, bars)
    half = EXACT.subtract(ask, middle(bid, ask))
    # A resting entry pays no spread; the exit is always a taker.
    spread = EXACT.multiply(missed.qty, half if entry.rests else half * 2)
    impact = _impact(missed, entry.price, limits) * (1 if entry.rests else 2)
    turned = EXACT.multiply(missed.qty, EXACT.add(entry.price, price))
    fees = EXACT.multiply(turned, fee_rate)
    moved = EXACT.multiply(missed.qty * missed.intent.side.sign, EXACT.subtract(price, entry.price))
    # The touch has the entry's half of the spread in its price already.
    paid = EXACT.multiply(missed.qty, half)
    profit = stored(moved - paid - impact - fees)
    return Worth(
        qty=missed.qty,
        entry_price=entry.price,
        exit_price=price,
        ended_by=ended_by,
        ended_at=ended_at,
        spread=stored(spread),
        impact=stored(impact),
        fees=stored(fees),
        profit=profit,
        equity=equity,
        profit_bps=in_bps(profit, equity),
    )


def _touch(market: MarketView | None) -> tuple[Decimal, Decimal]:
    bid = None if market is None else positive(market.bid)
    ask = None if market is None else positive(market.ask)
    if bid is None or ask is None or bid > ask:
        raise _UnknownWorth(NotValued.NO_MARKET)
    return bid, ask


def _entry(missed: Missed, touch: Decimal, bars: Mapping[datetime, Bar]) -> _Entry:
    limit, sign = missed.intent.limit_price, missed.intent.side.sign
    if limit is None or (limit - touch) * sign >= 0:
        return _Entry(touch, missed.decided_at, rests=False)
    first, end = missed.window
    for bar in _path(bars, first, min(end, missed.deadline_at)):
        best = bar.low if sign > 0 else bar.high
        # Through the price: at the price itself others may have stood before us.
        if (limit - best) * sign > 0:
            return _Entry(limit, bar.end, rests=True)
    raise _UnknownWorth(NotValued.LIMIT_NOT_REACHED)


def _exit(
    missed: Missed, entry: _Entry, bars: Mapping[datetime, Bar]
) -> tuple[Decimal, ValueEnd, datetime]:
    first, end = missed.window
    stop, sign = missed.intent.stop_price, missed.intent.side.sign
    if stop is not None:
        for bar in _path(bars, max(first, entry.at), end):
            worst = bar.low if sign > 0 else bar.high
            if (worst - stop) * sign <= 0:
                # A market that opens beyond the stop gives its own price.
                gapped = (bar.open - stop) * sign < 0
                return (bar.open if gapped else stop), ValueEnd.STOP, bar.end
    last = bars.get(end - MINUTE)
    if last is None:
        raise _UnknownWorth(NotValued.NO_MINUTES)
    return last.close, ValueEnd.HORIZON, end


def _path(bars: Mapping[datetime, Bar], start: datetime, end: datetime) -> list[Bar]:
    """The whole minutes within [start, end], without a gap."""
    found = []
    at = outcomes.next_minute(start)
    while at + MINUTE <= end:
        bar = bars.get(at)
        if bar is None:
            raise _UnknownWorth(NotValued.NO_MINUTES)
        found.append(bar)
        at = bar.end
    return found


def _impact(missed: Missed, price: Decimal, limits: RiskLimits) -> Decimal:
    """One way's impact of the quantity on top of the quantity that was allowed."""
    market = missed.market
    volume = None if market is None else positive(market.volume_24h)
    sigma = None if market is None else market.volatility
    if volume is None or sigma is None or not sigma > 0.0:
        raise _UnknownWorth(NotValued.NO_MARKET)

    def cost(qty: Decimal) -> Decimal:
        notional = EXACT.multiply(qty, price)
        moved = sqrt_impact(float(notional), float(volume), sigma, limits.impact_coefficient)
        return EXACT.multiply(notional, Decimal(repr(moved)))

    before = cost(missed.allowed_qty) if missed.allowed_qty > ZERO else ZERO
    return stored(cost(missed.allowed_qty + missed.qty) - before)
