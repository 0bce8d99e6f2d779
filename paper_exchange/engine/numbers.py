"""Formats numbers for the wire as plain text without an exponent."""

from decimal import ROUND_HALF_UP, Decimal
from typing import Final

EIGHT: Final = Decimal("0.00000001")
"""Bybit shows money to eight decimals (0.004577216 as 0.00457722)."""


def plain(value: Decimal) -> str:
    """The number with all its digits and without trailing zeros, e.g. "26.3725275" or "0"."""
    if not value:  # most numbers of a record
        return "0"
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def money(value: Decimal) -> str:
    """The amount rounded to eight decimals, without trailing zeros."""
    return plain(value.quantize(EIGHT, ROUND_HALF_UP)) if value else "0"


def grid(value: Decimal) -> str:
    """The number with the decimals of its grid: "0.010" on a step of 0.001."""
    return format(value, "f")


def grid_or_zero(value: Decimal) -> str:
    """The number with the decimals of its grid, and a bare "0" for zero.

    Bybit shows so what is filled and what is left of an order (`leavesQty` "0" on a step of 0.001).
    Clients compare with the text: NautilusTrader takes only "0" for the end of an order.
    """
    return grid(value) if value else "0"
