"""The value of a fee in the quote coin of its symbol."""

from decimal import Decimal

from bot.exchange.protocol import Execution
from models.amounts import EXACT


def in_quote(symbol: str, coin: str, fee: Decimal, price: Decimal) -> Decimal | None:
    """The fee in the quote coin. A fee in the base coin is valued at the fill's price. None for a
    fee in a third coin, which is kept apart until its price is known."""
    base, quote = _coins(symbol)
    if not fee or coin == quote:
        return fee
    return EXACT.multiply(fee, price) if coin == base else None


def known(execution: Execution) -> Decimal:
    """The sum of a fill's fees that the fill itself can value."""
    worths = (in_quote(execution.symbol, c, fee, execution.price) for c, fee in execution.paid)
    return sum((each for each in worths if each is not None), Decimal(0))


def _coins(symbol: str) -> tuple[str, str]:
    """Base and quote, by Bybit's names: BTCUSDT, BTCUSDT-26DEC25; BTCPERP in USDC."""
    pair = symbol.partition("-")[0]
    for quote in ("USDT", "USDC"):
        if pair.endswith(quote):
            return pair.removesuffix(quote), quote
    return pair.removesuffix("PERP"), "USDC"
