"""What a coin was worth when something was paid in it, in the exchange's own words."""

import logging
from datetime import datetime, timedelta

from bot.errors import Refused
from bot.exchange.protocol import CoinPrice, Exchange

log = logging.getLogger(__name__)

WALLET_AGE = timedelta(minutes=5)
"""What a coin counts as in the wallet now is its price of so long ago, where no market tells it."""


def price_at(exchange: Exchange, coin: str, at: datetime, now: datetime) -> CoinPrice | None:
    """By the coin's market, else as the wallet counts it. None: nobody can say.

    Raises MlriskError when it can't be asked for now.
    """
    try:
        found = exchange.coin_price(coin, at)
    except Refused as error:
        log.error("no price of %s: %s", coin, error)
        found = None
    if found is not None or now - at > WALLET_AGE:
        return found
    counted = exchange.wallet().prices.get(coin)
    return None if counted is None else CoinPrice(counted, "wallet")
