"""What a fee is worth in the quote coin of its symbol."""

from decimal import Context, Decimal

_EXACT = Context(prec=60)


def in_quote(symbol: str, coin: str, fee: Decimal, price: Decimal) -> Decimal | None:
    """A fee in the base coin is worth what the fill paid for the coin. None: a fee in a third
    coin, whose price the fill doesn't tell; it is kept apart and never added."""
    if not fee or symbol.endswith(coin):
        return fee
    return _EXACT.multiply(fee, price) if symbol.startswith(coin) else None
