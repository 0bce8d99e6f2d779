"""The price of a coin at the time of a payment, from the exchange itself."""

import logging
from datetime import datetime, timedelta

from bot.errors import Refused
from bot.exchange.protocol import CoinPrice, Exchange

log = logging.getLogger(__name__)

WALLET_AGE = timedelta(minutes=5)
"""For this long, the wallet's present value of a coin stands for its past price if no market has
one."""


def price_at(exchange: Exchange, coin: str, at: datetime, now: datetime) -> CoinPrice | None:
    """The price by the coin's market, else by the wallet; None when neither has one.

    Raises MlriskError when it can't be asked for now.
    """
    try:
        found = exchange.coin_price(coin, at)
    except Refused as error:
        log.error("the price of %s can't be read: %s", coin, error, extra={"event": "no_price_of"})
        found = None
    if found is not None or now - at > WALLET_AGE:
        return found
    counted = exchange.wallet().prices.get(coin)
    return None if counted is None else CoinPrice(counted, "wallet")
