"""Amounts of money as rows keep them: computed exactly, rounded once to the column's decimals."""

from decimal import Context, Decimal

ZERO = Decimal(0)
EXACT = Context(prec=60)
"""A context with more digits than a product of two rows' numbers, independent of the thread's
own."""
PLACES = Decimal(1).scaleb(-18)
"""The decimals of a row, so that shared parts add up to the stored whole."""


def stored(amount: Decimal) -> Decimal:
    """The amount at a money column's 18 decimals, rounded once."""
    return amount.quantize(PLACES, context=EXACT)


def worth(quantity: Decimal, price: Decimal) -> Decimal:
    """The value of a quantity of a coin at its price."""
    return stored(EXACT.multiply(quantity, price))


def share(total: Decimal, part: Decimal, whole: Decimal) -> Decimal:
    """The part of a total that falls on a part of the whole."""
    if part in (0, whole):
        return total if part else ZERO
    return stored(EXACT.divide(EXACT.multiply(total, part), whole))
