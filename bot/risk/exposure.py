"""The effect of a trade on the net position, working orders included, before any check."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import ROUND_FLOOR, Context, Decimal
from typing import NamedTuple

from bot.execution.algorithms.table import slice_count
from bot.risk.book import Unclassifiable, finite, positive, read_book
from bot.risk.snapshot import MarketView, PositionView, RiskSnapshot, ShareView, TradeIntent
from models.amounts import ZERO
from models.enums import ExecutionPriority, ExposureDelta, TradeSide

FLOOR = Context(prec=34, rounding=ROUND_FLOOR)
"""Divisions of money round down here, so that no size exceeds its notional by a last digit."""


class Crowd(NamedTuple):
    """Exposure elsewhere that wins and loses with the trade."""

    notional: Decimal
    symbols: int
    assumed: str | None = None
    """Symbols whose correlation is not known, and therefore counts as full."""


NOBODY = Crowd(ZERO, 0)
# An enum's member costs twenty times as much as a name of the module, once per decision each.
_BUY, _EMERGENCY, _ADDS = TradeSide.BUY, ExecutionPriority.EMERGENCY, ExposureDelta.ADDS


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
    """The reference price, or for a reduction the substitute named in `price_source`."""
    price_source: str
    requested_qty: Decimal
    reducing_qty: Decimal
    """The part that closes in every outcome of the working orders."""
    opening_qty: Decimal
    opening_notional: Decimal
    child_notional: Decimal
    """The notional of one slice of the opening part."""
    slices: int
    equity: Decimal | None
    position_notional: Decimal
    """The exposure in this trade's direction in its symbol, working orders included; never
    negative."""
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
    """The quantity that factors and caps left, on the lot grid; set before the checks on size."""
    sized_notional: Decimal = ZERO
    crowds: dict[float, Crowd] = field(default_factory=dict)
    """The correlated exposure by threshold; three checks read it, and it is computed once."""
    law_bps: float | None = None
    """The square-root law's impact of the opening part; two rules ask for it, computed once."""
    own_qty: Decimal = ZERO
    """The part of `reducing_qty` that is the strategy's own; the model has to stand for more."""
    held_qty: Decimal = ZERO
    """The account's position that this side closes, of all strategies."""
    closes_small: bool = False
    """Whether the trade closes all of a position that is under the venue's smallest order; set with
    the size."""
    beyond_own: str | None = None
    """The part of the request beyond the strategy's own share, in words."""

    @property
    def closes_others(self) -> bool:
        """Whether the trade reduces the account by more than the strategy's own share."""
        return self.own_qty < self.reducing_qty

    @property
    def closes_whole(self) -> bool:
        """Whether the trade closes the whole position, the strategy may do so, and no other exit
        works on it."""
        all_held = ZERO < self.held_qty == self.reducing_qty == self.own_qty
        return all_held and not self.adds

    @property
    def adds(self) -> bool:
        """Whether the trade opens or enlarges a position."""
        return self.opening_qty > ZERO


def classify(intent: TradeIntent, snapshot: RiskSnapshot) -> Exposure:
    """Puts the trade against position and working orders. Raises Unclassifiable."""
    notional, portfolio, market = intent.notional, snapshot.portfolio, snapshot.market
    if not (notional.is_finite() and notional > ZERO):
        raise Unclassifiable("the requested notional is not a positive number")
    if portfolio is None:
        raise Unclassifiable("the portfolio is not available, so the net position is unknown")
    sign = 1 if intent.side is _BUY else -1
    book = read_book(intent.symbol, intent.side, portfolio)
    same_way = book.held if sign > 0 else -book.held
    bid, ask, spread, mid = _touch(market)
    reference = ask if sign > 0 else bid
    if reference is not None:
        price, source = reference, "ask" if sign > 0 else "bid"
    else:
        price, source = _substitute(market, book.own)
    requested = FLOOR.divide(notional, price)
    capacity = -same_way - book.closing_qty
    reducing = min(requested, capacity) if capacity > ZERO else ZERO
    own, words = _own_part(intent, portfolio.own, sign, reducing)
    if intent.reduce_only:
        # The strategy has nothing to reduce beyond its own share.
        reducing = own
    opening = ZERO if intent.reduce_only else requested - reducing
    opening_notional = notional if not reducing and opening else opening * price
    slices = slice_count(intent.algorithm, intent)
    standing = same_way + book.adding_qty
    return Exposure(
        _delta(reducing, opening, capacity, same_way),
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
        standing * price if standing > ZERO else ZERO,
        book.gross,
        book.net_same_side,
        book.open_symbols,
        book.others,
        spread,
        mid,
        None if market is None else age_seconds(snapshot, market.as_of),
        age_seconds(snapshot, portfolio.as_of),
        own_qty=own,
        held_qty=max(ZERO, -same_way),
        beyond_own=words,
    )


def _own_part(
    intent: TradeIntent, share: ShareView | None, sign: int, reducing: Decimal
) -> tuple[Decimal, str | None]:
    """The part of a reduction that the strategy itself owns, and a note on the rest.

    An emergency exit may close every strategy's share; without shares every strategy may.
    """
    everybodys = intent.reduce_only and intent.priority is _EMERGENCY
    if share is None or everybodys or not reducing:
        return reducing, None
    if not (share.qty.is_finite() and share.working.is_finite()):
        raise Unclassifiable("the strategy's own share of the position is not a number")
    own = min(reducing, max(ZERO, -share.qty * sign - share.working))
    if own == reducing:
        return own, None
    return own, f"{reducing - own:f} of it belongs to others than strategy {intent.strategy}"


def age_seconds(snapshot: RiskSnapshot, moment: datetime | None) -> float | None:
    """Seconds between a stamp and the decision; None for a missing or naive stamp."""
    if moment is None:
        return None
    try:
        return (snapshot.taken_at - moment).total_seconds()
    except TypeError:
        return None


def _delta(
    reducing: Decimal, opening: Decimal, capacity: Decimal, same_way: Decimal
) -> ExposureDelta:
    if not reducing:
        return _ADDS
    if opening:
        return ExposureDelta.FLIPS
    closes = reducing == capacity and capacity == -same_way
    return ExposureDelta.CLOSES if closes else ExposureDelta.REDUCES


Touch = tuple[Decimal | None, Decimal | None, float | None, Decimal | None]


def _touch(market: MarketView | None) -> Touch:
    """Bid, ask, spread in bps and mid; the latter two only of a book that is not crossed."""
    if market is None:
        return None, None, None, None
    bid, ask = positive(market.bid), positive(market.ask)
    if bid is None or ask is None or bid >= ask:
        return bid, ask, None, None
    mid = (bid + ask) / 2
    return bid, ask, float((ask - bid) / mid) * 1e4, mid


def _substitute(market: MarketView | None, own: PositionView | None) -> tuple[Decimal, str]:
    """A substitute price for reductions, with its name; no entry passes on it."""
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
