"""One pass over positions and working orders: present and possible holdings of an account."""

from dataclasses import dataclass
from decimal import Decimal

from bot.errors import Refused
from bot.risk.snapshot import PortfolioView, PositionView
from models.amounts import ZERO
from models.enums import TradeSide

_BUY = TradeSide.BUY


class Unclassifiable(Refused, ValueError):
    """The trade can't be put against the book; the text says which input is missing."""


@dataclass(slots=True)
class Book:
    """The account seen from one trade: its symbol and its side. Money is in quote currency."""

    held: Decimal
    """Net position of the trade's symbol, signed."""
    own: PositionView | None
    closing_qty: Decimal
    """The quantity that working orders of the trade's symbol and side may fill, reduce-only ones
    included."""
    adding_qty: Decimal
    """The same without the reduce-only ones."""
    gross: Decimal | None
    """Positions at mark and adding orders; None when a position can't be valued."""
    net_same_side: Decimal | None
    """Net exposure in the trade's direction if that side's adding orders fill first."""
    others: tuple[tuple[str, Decimal], ...]
    """Exposure of other symbols, positive in the trade's direction."""
    open_symbols: int
    """Symbols that are open or may become so, the trade's among them."""


def read_book(symbol: str, side: TradeSide, portfolio: PortfolioView) -> Book:
    """Raises Unclassifiable when the data that decides about reducing is unreadable."""
    sign = 1 if side is _BUY else -1
    held, own = ZERO, None
    gross: Decimal | None = ZERO
    net = same_adding = closing_qty = adding_qty = ZERO
    others: list[tuple[str, Decimal]] = []
    symbols = {symbol}
    for position in portfolio.positions:
        qty = position.qty
        # A record read from elsewhere may hold anything: None must not pass for a flat position.
        readable = isinstance(qty, Decimal) and qty.is_finite()
        if position.symbol == symbol:
            if not readable:
                raise Unclassifiable(f"the position in {symbol} is not a number")
            held, own = held + qty, position
        if readable and not qty:
            continue
        symbols.add(position.symbol)
        mark = positive(position.mark)
        if mark is None or not readable:
            gross = None
            continue
        notional = qty * mark
        net += notional
        if gross is not None:
            gross += abs(notional)
        if position.symbol != symbol:
            others.append((position.symbol, notional if sign > 0 else -notional))
    for order in portfolio.working:
        qty, notional, same_side = order.qty, order.notional, order.side is side
        if not (qty.is_finite() and notional.is_finite()):
            raise Unclassifiable(f"a working order in {order.symbol} has no readable size")
        if same_side and order.symbol == symbol:
            closing_qty += qty
            if not order.reduce_only:
                adding_qty += qty
        if order.reduce_only:
            continue
        symbols.add(order.symbol)
        if gross is not None:
            gross += notional
        if same_side:
            same_adding += notional
        if order.symbol != symbol:
            others.append((order.symbol, notional if same_side else -notional))
    return Book(
        held,
        own,
        closing_qty,
        adding_qty,
        gross,
        None if gross is None else (net if sign > 0 else -net) + same_adding,
        tuple(others),
        len(symbols),
    )


def positive(value: Decimal | None) -> Decimal | None:
    """The value when it is a finite number above zero, else None."""
    return value if value is not None and value.is_finite() and value > ZERO else None


def finite(value: Decimal | None) -> Decimal | None:
    """The value when it is a finite number, else None."""
    return value if value is not None and value.is_finite() else None
