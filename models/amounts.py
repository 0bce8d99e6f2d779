"""Amounts of money as a row keeps them: worked out exactly, rounded once, to its decimals."""

from decimal import Context, Decimal

ZERO = Decimal(0)
EXACT = Context(prec=60)
"""More digits than a product of two rows' numbers has, whatever the thread's own context is."""
PLACES = Decimal(1).scaleb(-18)
"""As many decimals as a row keeps: what is shared out adds up to what is stored."""


def stored(amount: Decimal) -> Decimal:
    """The amount at a money column's 18 decimals, rounded once."""
    return amount.quantize(PLACES, context=EXACT)


def worth(quantity: Decimal, price: Decimal) -> Decimal:
    """What a quantity of a coin is worth at its price."""
    return stored(EXACT.multiply(quantity, price))


def share(total: Decimal, part: Decimal, whole: Decimal) -> Decimal:
    """What of a total falls on a part of the whole."""
    if part in (0, whole):
        return total if part else ZERO
    return stored(EXACT.divide(EXACT.multiply(total, part), whole))
