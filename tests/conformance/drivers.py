"""Unmodified pybit clients pointed at a paper exchange, and what tests do with them."""

import queue
import time
from collections.abc import Callable
from decimal import Decimal
from itertools import count
from typing import Any
from urllib.parse import urlsplit

from pybit.unified_trading import HTTP, WebSocket, WebSocketTrading

from paper_exchange.testing import PaperExchangeProcess
from tests.support.waiting import PATIENCE_SECONDS

SYMBOL = "BTCUSDT"
_ids = count(1)


def new_link_id() -> str:
    return f"conf-{time.time_ns()}-{next(_ids)}"


def http(exchange: PaperExchangeProcess, **options: Any) -> HTTP:
    arguments = {"api_key": exchange.api_key, "api_secret": exchange.api_secret} | options
    session = HTTP(**arguments, retry_codes={-999})
    session.endpoint = exchange.url
    session.client.trust_env = False
    return session


class Frames:
    """Raw frames of a socket, with waiting."""

    def __init__(self) -> None:
        self._queue: queue.Queue[dict[str, Any]] = queue.Queue()
        self.seen: list[dict[str, Any]] = []

    def __call__(self, frame: dict[str, Any]) -> None:
        self._queue.put(frame)

    def wait(self, condition: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The next frame that fits; what was read before it stays in `seen`."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            left = deadline - time.monotonic()
            try:
                frame = self._queue.get(timeout=max(left, 0.001))
            except queue.Empty:
                topics = [f.get("topic", f.get("op")) for f in self.seen[-20:]]
                raise AssertionError(f"waited in vain for a frame; saw {topics}") from None
            self.seen.append(frame)
            if condition(frame):
                return frame

    def topic(self, name: str) -> dict[str, Any]:
        return self.wait(lambda frame: frame.get("topic") == name)

    def row(self, topic: str, **fields: Any) -> dict[str, Any]:
        """The next row of a topic with these values."""
        found: list[dict[str, Any]] = []

        def fits(frame: dict[str, Any]) -> bool:
            if frame.get("topic") != topic:
                return False
            for row in frame["data"]:
                if all(row.get(name) == value for name, value in fields.items()):
                    found.append(row)
            return bool(found)

        self.wait(fits)
        return found[0]


class Sockets:
    """Opens pybit sockets at the paper exchange and closes them all at the end."""

    def __init__(self, exchange: PaperExchangeProcess) -> None:
        base = exchange.ws_url

        class Local:
            def _connect(self, url: str) -> None:
                path = urlsplit(url.replace("{", "").replace("}", "")).path
                super()._connect(base + path)  # type: ignore[misc]

        class LocalWebSocket(Local, WebSocket):
            pass

        class LocalTrading(Local, WebSocketTrading):
            pass

        self._stream, self._trading = LocalWebSocket, LocalTrading
        self._keys = {"api_key": exchange.api_key, "api_secret": exchange.api_secret}
        self._open: list[Any] = []

    def public(self, channel: str = "linear", **options: Any) -> Any:
        return self._kept(self._stream(testnet=False, channel_type=channel, **options))

    def private(self, **options: Any) -> Any:
        arguments = {"private_auth_expire": 5, **self._keys, **options}
        return self._kept(self._stream(testnet=False, channel_type="private", **arguments))

    def trading(self) -> Any:
        return self._kept(self._trading(testnet=False, private_auth_expire=5, **self._keys))

    def _kept(self, socket: Any) -> Any:
        self._open.append(socket)
        return socket

    def close(self) -> None:
        for socket in self._open:
            socket.handle_error = False
            socket.exit()


def touch(session: HTTP, symbol: str = SYMBOL, category: str = "linear") -> tuple[str, str]:
    """Best bid and best ask."""
    book = session.get_orderbook(category=category, symbol=symbol, limit=1)["result"]
    return book["b"][0][0], book["a"][0][0]


def below(session: HTTP, share: str = "0.995", symbol: str = SYMBOL) -> str:
    """A bid price on the grid that rests below the market."""
    rules = session.get_instruments_info(category="linear", symbol=symbol)["result"]["list"][0]
    tick = Decimal(rules["priceFilter"]["tickSize"])
    price = Decimal(touch(session, symbol)[0]) * Decimal(share)
    return format(price // tick * tick, "f")
