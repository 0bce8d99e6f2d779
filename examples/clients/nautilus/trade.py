"""A NautilusTrader node at the paper exchange: market data, an entry, a resting order, an exit.

    python trade.py --url http://127.0.0.1:8099            # buys, rests, amends, cancels, sells
    python trade.py --url http://127.0.0.1:8099 --keep     # the same without the sale
    python trade.py --url http://127.0.0.1:8099 --close    # takes the position over and sells it

`--socket` sends orders over the WebSocket instead of HTTP; release 1.231 always does. The last line
of the output begins with `BOOKS` and holds what the node's own books say, as JSON.
"""

import argparse
import json
from decimal import Decimal
from typing import Any

from nautilus_trader.adapters.bybit import (
    BYBIT,
    BybitDataClientConfig,
    BybitExecClientConfig,
    BybitLiveDataClientFactory,
    BybitLiveExecClientFactory,
    BybitProductType,
    data,
    factories,
)
from nautilus_trader.config import InstrumentProviderConfig, LoggingConfig, TradingNodeConfig
from nautilus_trader.live.node import TradingNode
from nautilus_trader.model.data import BarType
from nautilus_trader.model.enums import OrderSide
from nautilus_trader.model.identifiers import InstrumentId, TraderId
from nautilus_trader.trading.config import StrategyConfig
from nautilus_trader.trading.strategy import Strategy

INSTRUMENT = InstrumentId.from_str("BTCUSDT-LINEAR.BYBIT")
SIZE = Decimal("0.010")


class OneRound(Strategy):
    """Trades once with the first quote; each step follows from the exchange's last answer."""

    def __init__(self, keep: bool, close: bool) -> None:
        super().__init__(StrategyConfig(external_order_claims=[INSTRUMENT]))
        self.keep, self.close = keep, close
        self.seen = dict.fromkeys(("quotes", "trades", "books"), 0)
        self.taken_over: list[str] = []
        self.began = self.done = False

    def on_start(self) -> None:
        """Subscribes. What reconciliation found at the exchange is in the cache already."""
        self.taken_over = [str(p.signed_decimal_qty()) for p in self.cache.positions_open()]
        self.subscribe_quote_ticks(INSTRUMENT)
        self.subscribe_trade_ticks(INSTRUMENT)
        self.subscribe_order_book_deltas(INSTRUMENT, depth=50)
        self.subscribe_bars(BarType.from_str(f"{INSTRUMENT}-1-MINUTE-LAST-EXTERNAL"))

    def on_quote_tick(self, tick: Any) -> None:
        """Begins with the first quote."""
        self._saw("quotes")
        if self.began:
            return
        self.began = True
        if self.close:
            self.close_all_positions(INSTRUMENT)
            return
        instrument = self.cache.instrument(INSTRUMENT)
        self.low = [instrument.make_price(float(tick.bid_price) * f) for f in (0.99, 0.98)]
        size = instrument.make_qty(SIZE)
        self.submit_order(self.order_factory.market(INSTRUMENT, OrderSide.BUY, size))

    def on_trade_tick(self, _tick: Any) -> None:
        """Counts."""
        self._saw("trades")

    def on_order_book_deltas(self, _deltas: Any) -> None:
        """Counts."""
        self._saw("books")

    def on_position_opened(self, event: Any) -> None:
        """Rests a second order far below the market."""
        order = self.order_factory.limit(INSTRUMENT, OrderSide.BUY, event.quantity, self.low[0])
        self.submit_order(order)

    def on_order_accepted(self, event: Any) -> None:
        """Amends the resting order."""
        order = self.cache.order(event.client_order_id)
        if order.has_price:
            self.modify_order(order, price=self.low[1])

    def on_order_updated(self, event: Any) -> None:
        """Cancels the amended order."""
        self.cancel_order(self.cache.order(event.client_order_id))

    def on_order_canceled(self, _event: Any) -> None:
        """Sells, or ends here."""
        if self.keep:
            self._end()
        else:
            self.close_all_positions(INSTRUMENT)

    def on_position_closed(self, _event: Any) -> None:
        """Ends."""
        self._end()

    def _end(self) -> None:
        self.done = True
        self._saw()

    def _saw(self, what: str | None = None) -> None:
        """Stops the node once the round is over and every subscription has brought something."""
        if what is not None:
            self.seen[what] += 1
        if self.done and all(self.seen.values()):
            self.done = False
            self.shutdown_system("the round is over")


PUBLIC_ADDRESS = "get_ws_base_url_public"
"""Release 1.221 asks this function of `factories` for the address of the public streams."""


def point_public_streams(url: str) -> None:
    """Sets the one address for which neither release has a setting: the public streams'."""
    if hasattr(factories, PUBLIC_ADDRESS):
        setattr(factories, PUBLIC_ADDRESS, lambda product_type, **_: f"{url}/{product_type.value}")
        return
    sockets = data.nautilus_pyo3.BybitWebSocketClient

    def new_public(product_type: Any, environment: Any, **options: Any) -> Any:
        """The release's own, which is given HTTP's address."""
        options["url"] = f"{url}/{str(product_type).rpartition('.')[2].lower()}"
        return sockets.new_public(product_type=product_type, environment=environment, **options)

    compiled = data.nautilus_pyo3

    class Module:
        """The release's compiled module with another way to make public streams."""

        BybitWebSocketClient = type("Streams", (), {"new_public": staticmethod(new_public)})

        def __getattr__(self, name: str) -> Any:
            return getattr(compiled, name)

    data.nautilus_pyo3 = Module()


def node_of(url: str, socket: bool) -> TradingNode:
    """A node whose every address is the paper exchange's."""
    streams = "ws" + url.removeprefix("http")
    point_public_streams(f"{streams}/v5/public")
    shared: dict[str, Any] = {
        "api_key": "paper-key",
        "api_secret": "paper-secret",
        "base_url_http": url,
        "product_types": [BybitProductType.LINEAR],
        "instrument_provider": InstrumentProviderConfig(load_all=True),
        # A busy machine may send late.
        "recv_window_ms": 20_000,
    }
    config = TradingNodeConfig(
        trader_id=TraderId("PAPER-001"),
        logging=LoggingConfig(log_level="INFO", log_colors=False),
        data_clients={BYBIT: BybitDataClientConfig(**shared)},
        exec_clients={
            BYBIT: BybitExecClientConfig(
                **shared,
                base_url_ws_private=f"{streams}/v5/private",
                base_url_ws_trade=f"{streams}/v5/trade",
                ws_trade_timeout_secs=30.0,
                **({"use_ws_trade_api": socket} if hasattr(factories, PUBLIC_ADDRESS) else {}),
            )
        },
        timeout_post_stop=1.0,
    )
    node = TradingNode(config=config)
    node.add_data_client_factory(BYBIT, BybitLiveDataClientFactory)
    node.add_exec_client_factory(BYBIT, BybitLiveExecClientFactory)
    return node


def books(node: TradingNode, strategy: OneRound) -> dict[str, Any]:
    """The node's own view: positions, orders and every fill that it has booked."""
    orders = node.cache.orders()
    return {
        "seen": strategy.seen,
        "taken_over": strategy.taken_over,
        "open": [str(p.signed_decimal_qty()) for p in node.cache.positions_open()],
        "orders": {str(o.venue_order_id): o.status_string() for o in orders},
        "fills": sorted(str(trade) for order in orders for trade in order.trade_ids),
    }


def main() -> None:
    """Runs the node until its strategy ends it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default="http://127.0.0.1:8099")
    for flag in ("--keep", "--close", "--socket"):
        parser.add_argument(flag, action="store_true")
    args = parser.parse_args()
    node = node_of(args.url, args.socket)
    strategy = OneRound(args.keep, args.close)
    node.trader.add_strategy(strategy)
    node.build()
    try:
        node.run()
        print("BOOKS", json.dumps(books(node, strategy)), flush=True)
    finally:
        node.dispose()


if __name__ == "__main__":
    main()
