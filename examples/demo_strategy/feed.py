"""Public market data from a Bybit V5 server: history over HTTP, the live stream over WebSocket."""

import json
import logging
import queue
import random
import threading
import time
import urllib.request
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

import websocket

log = logging.getLogger(__name__)

Frame = Mapping[str, Any]
CONNECTED: Frame = {"topic": "", "type": "connected"}
"""Put on the queue after every (re)connect: what was known of the stream ended there."""

_QUIET_SECONDS = 10.0  # books are pushed many times a second: this much silence is a dead line
_PING_SECONDS = 20.0  # what Bybit asks for
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 10.0
_BACKLOG = 20_000  # frames; a full queue slows the reader down instead of eating memory


def recent_closes(exchange_url: str, symbol: str, minutes: int = 200) -> list[float]:
    """1-minute closes, oldest first. Raises OSError or ValueError when there are none."""
    if urlsplit(exchange_url).scheme not in {"http", "https"}:
        raise ValueError(f"not an HTTP address: {exchange_url}")
    query = urlencode({"category": "linear", "symbol": symbol, "interval": "1", "limit": minutes})
    address = f"{exchange_url.rstrip('/')}/v5/market/kline?{query}"
    with urllib.request.urlopen(address, timeout=5) as reply:  # noqa: S310 - scheme checked above
        body = json.load(reply)
    if body.get("retCode") != 0:
        raise ValueError(f"kline: {body.get('retCode')} {body.get('retMsg')}")
    return [float(row[4]) for row in reversed(body["result"]["list"])]


class Feed(threading.Thread):
    """Reads books and trades of the symbols onto `frames`; reconnects by itself until stopped."""

    def __init__(self, exchange_url: str, symbols: Sequence[str]) -> None:
        super().__init__(name="feed", daemon=True)
        base = exchange_url.rstrip("/").replace("http", "ws", 1)
        self._url = f"{base}/v5/public/linear"
        self._topics = [f"{kind}.{s}" for s in symbols for kind in ("orderbook.50", "publicTrade")]
        self.frames: queue.Queue[tuple[datetime, Frame]] = queue.Queue(_BACKLOG)
        """Each frame with the time when it was received."""
        self._stopped = threading.Event()
        self._renew = threading.Event()

    def stop(self) -> None:
        self._stopped.set()

    def reconnect(self) -> None:
        """Asks for a new connection, and with it for fresh snapshots."""
        self._renew.set()

    def run(self) -> None:
        pause = _FIRST_PAUSE
        while not self._stopped.is_set():
            try:
                self._read_until_renewed()
                pause = _FIRST_PAUSE
            except (OSError, websocket.WebSocketException) as error:
                wait = pause * random.uniform(0.5, 1.5)
                log.warning("market stream lost (%s), again in %.1f s", error, wait)
                self._stopped.wait(wait)
                pause = min(2 * pause, _LONGEST_PAUSE)

    def _read_until_renewed(self) -> None:
        stream = websocket.create_connection(self._url, timeout=_QUIET_SECONDS)
        try:
            self._renew.clear()
            self._put(CONNECTED)
            stream.send(json.dumps({"op": "subscribe", "args": self._topics}))
            pinged = time.monotonic()
            while not self._stopped.is_set() and not self._renew.is_set():
                text = stream.recv()
                if not text:
                    raise websocket.WebSocketConnectionClosedException("closed by the server")
                frame = json.loads(text)
                if "topic" in frame:
                    self._put(frame)
                elif frame.get("success") is False:
                    raise websocket.WebSocketException(f"refused: {frame.get('ret_msg')}")
                if time.monotonic() - pinged > _PING_SECONDS:
                    pinged = time.monotonic()
                    stream.send(json.dumps({"op": "ping"}))
        finally:
            stream.close(timeout=1)

    def _put(self, frame: Frame) -> None:
        item = (datetime.now(UTC), frame)
        while not self._stopped.is_set():
            try:
                self.frames.put(item, timeout=0.5)
            except queue.Full:
                continue
            return
