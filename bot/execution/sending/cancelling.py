"""Cancels at the exchange, counted by the rate limiter, which learns of refusals for speed."""

from bot.errors import Banned, Throttled
from bot.exchange.protocol import Exchange, ExchangeOrder
from bot.execution.sending.rate_limiter import OrderRateLimiter


class Cancels:
    """The cancels of one account; a halt's go ahead of them (`calling_back`).

    Without a rate limiter, in an operator's command, the adapter alone tells the other processes.
    """

    def __init__(
        self, exchange: Exchange, rate_limiter: OrderRateLimiter | None, account: str
    ) -> None:
        self._exchange = exchange
        self._rate_limiter = rate_limiter
        self._account = account

    def send(self, symbol: str, order_link_id: str) -> None:
        """Asks for the cancel. Raises Throttled when our limit or the exchange's makes it wait, and
        the errors of `Exchange.cancel`."""
        wait = 0.0 if self._rate_limiter is None else self._rate_limiter.take_cancel(self._account)
        if wait > 0:
            raise Throttled("the rate limiter makes the cancel wait", after_seconds=wait)
        try:
            self._exchange.cancel(symbol, order_link_id)
        except Throttled as error:
            self.too_fast(error)
            raise

    def call_back(self, symbol: str, order_link_id: str) -> ExchangeOrder | None:
        """Cancels an order that was seen to rest, and returns it; None when it has ended since the
        list was read. Raises the errors of `send` and of `Exchange.find_order`."""
        order = self._exchange.find_order(symbol, order_link_id)
        if order is None or order.status.is_final:
            return None
        self.send(symbol, order_link_id)
        return order

    def too_fast(self, error: Throttled) -> None:
        """Stops the cancels of every process until the exchange's reset. Each process meets a ban
        by itself."""
        if not isinstance(error, Banned) and self._rate_limiter is not None:
            self._rate_limiter.throttled(self._account, error.after_seconds, cancels=True)
