"""One cancel at the exchange: counted in the cancels' budget, which hears when it was too fast."""

from bot.errors import Throttled
from bot.exchange.bybit.outcome import HTTP_BAN
from bot.exchange.protocol import Exchange, ExchangeOrder
from bot.execution.sending.rate_limiter import OrderRateLimiter


class Cancels:
    """The cancels of one account; a halt's go ahead of them (`calling_back`).

    Without a budget, in an operator's command, the adapter alone tells the other processes.
    """

    def __init__(self, exchange: Exchange, budget: OrderRateLimiter | None, account: str) -> None:
        self._exchange = exchange
        self._budget = budget
        self._account = account

    def send(self, symbol: str, order_link_id: str) -> None:
        """Asks for the cancel. Raises Throttled when it has to wait, ours or the exchange's limit,
        and what `Exchange.cancel` raises."""
        wait = 0.0 if self._budget is None else self._budget.take_cancel(self._account)
        if wait > 0:
            raise Throttled("the cancel waits for its budget", after_seconds=wait)
        try:
            self._exchange.cancel(symbol, order_link_id)
        except Throttled as error:
            self.too_fast(error)
            raise

    def call_back(self, symbol: str, order_link_id: str) -> ExchangeOrder | None:
        """Cancels an order that was seen to rest, and returns it. None: it has ended since the list
        was read. Raises as `send` does, and what the question raises."""
        order = self._exchange.find_order(symbol, order_link_id)
        if order is None or order.status.is_final:
            return None
        self.send(symbol, order_link_id)
        return order

    def too_fast(self, error: Throttled) -> None:
        """No process cancels until the exchange's reset. A ban is met by every one by itself."""
        if error.code != HTTP_BAN and self._budget is not None:
            self._budget.throttled(self._account, error.after_seconds, cancels=True)
