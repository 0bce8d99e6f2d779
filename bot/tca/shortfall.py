"""Implementation shortfall, split into delay, trading, opportunity and fees that add up exactly.

Perold 1988 with the delay set apart: the cost of a trade against the decision's price, in quote
currency, positive when it cost us. With quantity Q, filled F at prices p_i, decision price D, price
at the first order A, price at the end E and the side's sign s:

    delay       = s * F * (A - D)
    trading     = s * (sum(q_i * p_i) - F * A)
    opportunity = s * (Q - F) * (E - D)
    total       = s * (sum(q_i * p_i) - F * D) + s * (Q - F) * (E - D) + fees

All four are exact: nothing is divided, and rounding would raise.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal, Inexact, InvalidOperation

from bot.errors import Refused
from models.amounts import ZERO
from models.enums import TradeSide

EXACT = Context(prec=400, traps=[Inexact, InvalidOperation])
"""Wide enough for sums of products of the widest columns (38 digits each)."""
_ROUNDED = Context(prec=100, rounding=ROUND_HALF_EVEN)
_BPS_GRID, _PRICE_GRID = Decimal("0.000001"), Decimal("1e-18")


@dataclass(frozen=True, slots=True)
class FillPart:
    """One execution: base quantity, price, and the fee in quote currency (negative: a rebate)."""

    qty: Decimal
    price: Decimal
    fee: Decimal
    is_maker: bool = False


@dataclass(frozen=True, slots=True)
class Prices:
    """The prices from which costs are measured, per base unit.

    `end` values the unfilled part; it may be None when everything was filled.
    """

    decision: Decimal
    first_order: Decimal
    end: Decimal | None


@dataclass(frozen=True, slots=True)
class Shortfall:
    """Costs in quote currency, positive when they cost us; `bps` is of quantity x decision."""

    delay: Decimal
    trading: Decimal
    opportunity: Decimal
    fees: Decimal
    total: Decimal
    bps: Decimal
    filled: Decimal
    average: Decimal | None
    """Average fill price, rounded; None when nothing was filled."""


def shortfall(
    side: TradeSide, qty: Decimal, prices: Prices, fills: Iterable[FillPart]
) -> Shortfall:
    """Raises Refused when a price isn't positive or the end price is needed and missing."""
    parts = tuple(fills)
    _check(qty, prices)
    filled, notional, fees = _sums(parts)
    unfilled = max(ZERO, EXACT.subtract(qty, filled))
    if unfilled and prices.end is None:
        raise Refused("the price at the end is missing, and a part was not filled")
    end = prices.decision if prices.end is None else prices.end
    delay = _moved(side, filled, prices.decision, prices.first_order)
    trading = _beyond(side, notional, filled, prices.first_order)
    opportunity = _moved(side, unfilled, prices.decision, end)
    # Computed independently of its parts, against the paper portfolio that traded everything at
    # once.
    bought = _beyond(side, notional, filled, prices.decision)
    total = EXACT.add(EXACT.add(bought, opportunity), fees)
    if total != EXACT.add(EXACT.add(delay, trading), EXACT.add(opportunity, fees)):
        raise ArithmeticError("the parts of the shortfall don't add up")
    base = EXACT.multiply(qty, prices.decision)
    return Shortfall(
        delay=delay,
        trading=trading,
        opportunity=opportunity,
        fees=fees,
        total=total,
        bps=in_bps(total, base),
        filled=filled,
        average=_rounded(notional, filled, _PRICE_GRID) if filled else None,
    )


def in_bps(cost: Decimal, base: Decimal) -> Decimal:
    """Cost as hundredths of a percent of `base`, to six decimals."""
    return _rounded(EXACT.multiply(cost, Decimal(10_000)), base, _BPS_GRID)


def share(part: Decimal, whole: Decimal) -> Decimal | None:
    """The ratio to six decimals; None without a whole."""
    return _rounded(part, whole, _BPS_GRID) if whole else None


def filled_qty(fills: Iterable[FillPart]) -> Decimal:
    """Base units of all fills, exactly."""
    return _sums(tuple(fills))[0]


def maker_share(fills: Iterable[FillPart]) -> Decimal | None:
    """Share of the filled quantity that rested; None when nothing was filled."""
    parts = tuple(fills)
    return share(filled_qty(part for part in parts if part.is_maker), filled_qty(parts))


def _rounded(value: Decimal, divisor: Decimal, grid: Decimal) -> Decimal:
    return _ROUNDED.divide(value, divisor).quantize(grid, context=_ROUNDED)


def _check(qty: Decimal, prices: Prices) -> None:
    named = {
        "quantity": qty,
        "decision price": prices.decision,
        "price at the first order": prices.first_order,
        "price at the end": prices.end,
    }
    for name, value in named.items():
        if value is not None and not (value.is_finite() and value > 0):
            raise Refused(f"the {name} must be positive, not {value}")


def _sums(parts: tuple[FillPart, ...]) -> tuple[Decimal, Decimal, Decimal]:
    qty, notional, fees = ZERO, ZERO, ZERO
    for part in parts:
        qty = EXACT.add(qty, part.qty)
        notional = EXACT.add(notional, EXACT.multiply(part.qty, part.price))
        fees = EXACT.add(fees, part.fee)
    return qty, notional, fees


def _moved(side: TradeSide, qty: Decimal, start: Decimal, end: Decimal) -> Decimal:
    """The loss of a quantity while the price moved from start to end."""
    return _signed(side, EXACT.multiply(qty, EXACT.subtract(end, start)))


def _beyond(side: TradeSide, notional: Decimal, qty: Decimal, price: Decimal) -> Decimal:
    """The amount paid beyond `price`."""
    return _signed(side, EXACT.subtract(notional, EXACT.multiply(qty, price)))


def _signed(side: TradeSide, value: Decimal) -> Decimal:
    # Adding 0 turns a minus zero into a plain one.
    return EXACT.add(ZERO, EXACT.multiply(Decimal(side.sign), value))
