"""What a trade would do to the net position, working orders included, before any rule is asked."""

from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_FLOOR, Context, Decimal

from bot.risk.snapshot import (
    MarketView,
    PortfolioView,
    PositionView,
    RiskSnapshot,
    TradeIntent,
    WorkingView,
)
from models.enums import Algorithm, ExposureDelta, TradeSide

ZERO = Decimal(0)
FLOOR = Context(prec=34, rounding=ROUND_FLOOR)
"""Divisions of money round down here, so that no size exceeds its notional by a last digit."""


@dataclass(slots=True)
class Exposure:
    """The trade against the book; computed once and read by every check.

    Money is in quote currency at `price`. Fields that are None could not be computed because an
    input was missing; the checks that need them answer UNKNOWN.
    """

    delta: ExposureDelta
    sign: int
    reference: Decimal | None
    """The touch that this side trades at (ask for buys, bid for sells); never mark or last."""
    price: Decimal
    """The reference, or for what may only reduce, the substitute named in `price_source`."""
    price_source: str
    requested_qty: Decimal
    reducing_qty: Decimal
    """The part that closes in every outcome of the working orders."""
    opening_qty: Decimal
    opening_notional: Decimal
    child_notional: Decimal
    """Of one slice of the opening part."""
    slices: int
    equity: Decimal | None
    position_notional: Decimal
    """What already stands (or works) in this trade's direction in its symbol, never negative."""
    gross: Decimal | None
    net_same_side: Decimal | None
    """Net exposure in this trade's direction if its side's working orders fill first."""
    open_symbols: int
    others: tuple[tuple[str, Decimal], ...]
    """Other symbols' exposures at mark or as ordered, positive in this trade's direction."""
    spread_bps: float | None
    mid: Decimal | None
    """None when a side is missing or the book is crossed."""
    market_age: float | None
    portfolio_age: float | None
    sized_qty: Decimal = ZERO
    """What the factors and caps left, on the lot grid; set before the rules on size are asked."""
    sized_notional: Decimal = ZERO

    @property
    def adds(self) -> bool:
        return self.opening_qty > ZERO


class Unclassifiable(ValueError):
    """The trade can't be put against the book; the text says which input is missing."""


def classify(intent: TradeIntent, snapshot: RiskSnapshot) -> Exposure:
    """Put the trade against position and working orders; raises Unclassifiable."""
    notional, portfolio = intent.notional, snapshot.portfolio
    if not (notional.is_finite() and notional > ZERO):
        raise Unclassifiable("the requested notional is not a positive number")
    if portfolio is None:
        raise Unclassifiable("the portfolio is not available, so the net position is unknown")
    sign = 1 if intent.side is TradeSide.BUY else -1
    held, own = _held(intent.symbol, portfolio)
    signed_held = held if sign > 0 else -held
    book = _working(intent.symbol, intent.side, portfolio.working)
    capacity = max(ZERO, -signed_held - book.same_side_qty)
    reference = _touch(snapshot.market, sign)
    price, source = _price(reference, sign, snapshot.market, own)
    requested = FLOOR.divide(notional, price)
    reducing = min(requested, capacity)
    opening = ZERO if intent.reduce_only else requested - reducing
    delta = _delta(reducing, opening, capacity, signed_held)
    opening_notional = notional if not reducing else opening * price
    if not opening:
        opening_notional = ZERO
    gross, net = _portfolio_exposure(portfolio.positions)
    same_side = None if net is None else (net if sign > 0 else -net) + book.same_side_adding
    slices = slice_count(intent)
    spread, mid = _spread(snapshot.market)
    return Exposure(
        delta,
        sign,
        reference,
        price,
        source,
        requested,
        reducing,
        opening,
        opening_notional,
        opening_notional / slices if slices > 1 else opening_notional,
        slices,
        finite(portfolio.equity),
        max(ZERO, signed_held + book.same_side_adding_qty) * price,
        None if gross is None else gross + book.adding,
        same_side,
        book.open_symbols(portfolio.positions, intent.symbol),
        _others(intent.symbol, sign, portfolio),
        spread,
        mid,
        age_seconds(snapshot, None if snapshot.market is None else snapshot.market.as_of),
        age_seconds(snapshot, portfolio.as_of),
    )


def age_seconds(snapshot: RiskSnapshot, moment: datetime | None) -> float | None:
    """Seconds between a stamp and the decision; None for a missing or naive stamp."""
    if moment is None:
        return None
    try:
        return (snapshot.taken_at - moment).total_seconds()
    except TypeError:
        return None


def slice_count(intent: TradeIntent) -> int:
    """Children that the order is split into; one unless a TWAP's times say more."""
    if intent.algorithm is not Algorithm.TWAP:
        return 1
    horizon, interval = intent.horizon_seconds, intent.interval_seconds
    if horizon is None or interval is None or not (0 < interval <= horizon < 1e9):
        return 1
    return min(int(horizon / interval), 1_000_000)


def _delta(
    reducing: Decimal, opening: Decimal, capacity: Decimal, signed_held: Decimal
) -> ExposureDelta:
    if not reducing:
        return ExposureDelta.ADDS
    if opening:
        return ExposureDelta.FLIPS
    closes = reducing == capacity and capacity == -signed_held
    return ExposureDelta.CLOSES if closes else ExposureDelta.REDUCES


@dataclass(slots=True)
class _Working:
    same_side_qty: Decimal
    same_side_adding_qty: Decimal
    same_side_adding: Decimal
    adding: Decimal
    symbols: frozenset[str]

    def open_symbols(self, positions: tuple[PositionView, ...], symbol: str) -> int:
        """Symbols that are open or may become so, this trade's among them."""
        names = {position.symbol for position in positions if position.qty}
        names.update(self.symbols)
        names.add(symbol)
        return len(names)


_NOTHING_WORKS = _Working(ZERO, ZERO, ZERO, ZERO, frozenset())


def _working(symbol: str, side: TradeSide, working: tuple[WorkingView, ...]) -> _Working:
    if not working:
        return _NOTHING_WORKS
    same_qty = same_adding_qty = same_adding = adding = ZERO
    symbols = set()
    for order in working:
        same_side = order.side is side
        if not (order.qty.is_finite() and order.notional.is_finite()):
            raise Unclassifiable(f"a working order in {order.symbol} has no readable size")
        if not order.reduce_only:
            symbols.add(order.symbol)
            adding += order.notional
            if same_side:
                same_adding += order.notional
        if same_side and order.symbol == symbol:
            same_qty += order.qty
            if not order.reduce_only:
                same_adding_qty += order.qty
    return _Working(same_qty, same_adding_qty, same_adding, adding, frozenset(symbols))


def _held(symbol: str, portfolio: PortfolioView) -> tuple[Decimal, PositionView | None]:
    for position in portfolio.positions:
        if position.symbol == symbol:
            if not position.qty.is_finite():
                raise Unclassifiable(f"the position in {symbol} is not a number")
            return position.qty, position
    return ZERO, None


def _portfolio_exposure(
    positions: tuple[PositionView, ...],
) -> tuple[Decimal | None, Decimal | None]:
    """Gross and signed net notional at mark; None when a position can't be valued."""
    gross = net = ZERO
    for position in positions:
        mark = positive(position.mark)
        if position.qty.is_finite() and not position.qty:
            continue
        if mark is None or not position.qty.is_finite():
            return None, None
        notional = position.qty * mark
        gross += abs(notional)
        net += notional
    return gross, net


def _others(symbol: str, sign: int, portfolio: PortfolioView) -> tuple[tuple[str, Decimal], ...]:
    """Held and working exposure elsewhere; unvalued positions are `gross`'s business."""
    found = [
        (position.symbol, position.qty * position.mark * sign)
        for position in portfolio.positions
        if position.symbol != symbol and position.mark is not None
    ]
    found += [
        (order.symbol, order.notional * order.side.sign * sign)
        for order in portfolio.working
        if order.symbol != symbol and not order.reduce_only
    ]
    return tuple(found)


def _spread(market: MarketView | None) -> tuple[float | None, Decimal | None]:
    if market is None:
        return None, None
    bid, ask = positive(market.bid), positive(market.ask)
    if bid is None or ask is None or bid >= ask:
        return None, None
    mid = (bid + ask) / 2
    return float((ask - bid) / mid) * 1e4, mid


def _touch(market: MarketView | None, sign: int) -> Decimal | None:
    if market is None:
        return None
    return positive(market.ask if sign > 0 else market.bid)


def _price(
    reference: Decimal | None, sign: int, market: MarketView | None, own: PositionView | None
) -> tuple[Decimal, str]:
    """The price of the conversion. A substitute is named, and nothing that adds passes on it."""
    if reference is not None:
        return reference, "ask" if sign > 0 else "bid"
    candidates: list[tuple[Decimal | None, str]] = []
    if market is not None:
        candidates += [(market.mark, "mark"), (market.index, "index"), (market.last, "last")]
    if own is not None:
        candidates += [(own.mark, "position mark"), (own.entry_price, "entry price")]
    for candidate, source in candidates:
        price = positive(candidate)
        if price is not None:
            return price, source
    raise Unclassifiable("no price is available to turn the notional into a quantity")


def positive(value: Decimal | None) -> Decimal | None:
    """The value when it is a finite number above zero, else None."""
    return value if value is not None and value.is_finite() and value > ZERO else None


def finite(value: Decimal | None) -> Decimal | None:
    """The value when it is a finite number, else None."""
    return value if value is not None and value.is_finite() else None
