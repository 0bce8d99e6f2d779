"""Amounts of money: exact sums, rounded once to a row's decimals, written in plain digits."""

from decimal import Context, Decimal

ZERO = Decimal(0)
EXACT = Context(prec=60)
"""A context with more digits than a product of two rows' numbers, independent of the thread's
own."""
PLACES = Decimal(1).scaleb(-18)
"""The decimals of a row, so that shared parts add up to the stored whole."""


def plain(value: Decimal) -> str:
    """Every digit without exponent, as it is stored and read back unchanged."""
    return format(value, "f")


def shortest(value: Decimal) -> str:
    """Digits without exponent and without the zeros that a column adds, for people."""
    text = format(value, "f")
    return (text.rstrip("0").rstrip(".") or "0") if "." in text else text


def compact(value: Decimal) -> Decimal:
    """The number without the zeros that a column adds, and never in exponent form."""
    return Decimal(shortest(value))


def stored(amount: Decimal) -> Decimal:
    """The amount at a money column's 18 decimals, rounded once."""
    return amount.quantize(PLACES, context=EXACT)


def worth(quantity: Decimal, price: Decimal) -> Decimal:
    """The value of a quantity of a coin at its price."""
    return stored(EXACT.multiply(quantity, price))


def middle(bid: Decimal, ask: Decimal) -> Decimal:
    """Half-way between the best prices, exactly."""
    return EXACT.multiply(EXACT.add(bid, ask), Decimal("0.5"))


def share(total: Decimal, part: Decimal, whole: Decimal) -> Decimal:
    """The part of a total that falls on a part of the whole."""
    if part in (0, whole):
        return total if part else ZERO
    return stored(EXACT.divide(EXACT.multiply(total, part), whole))
