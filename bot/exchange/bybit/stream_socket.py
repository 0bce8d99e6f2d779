"""One connection of pybit's WebSocket that never reconnects by itself and never dies unseen.

pybit's dispatcher stops for good on a raised callback, a rejected subscription or an unknown topic,
so it is by-passed with `callback_function`; its reconnection gives up or loops, so it is off. pybit
keeps URLs, signing and pings.
"""

import json
import queue
import socket as sockets
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import websocket
from pybit.unified_trading import WebSocket

from bot.errors import DependencyDown
from bot.exchange.bybit.config import BybitConfig, BybitMode

PING_SECONDS, PONG_SECONDS = 20, 10
# pybit's default of 1 s fails when our clock is 1 s behind.
AUTH_EXPIRE_SECONDS = 10
# pybit raises for 1 even after a success; 2 makes one attempt.
_ATTEMPTS = 2
# Frames that wait for a slow consumer. More means that it will not catch up: start afresh.
INBOX_FRAMES = 50_000
# Spot takes no more arguments in one subscription; the others don't mind.
_ARGS_PER_REQUEST = 10


class _PybitSocket(WebSocket):
    """pybit's class with another base URL, a time stamp for each frame, and a guarded reader."""

    def __init__(self, owner: "StreamSocket", channel: str, **arguments: Any) -> None:
        self._owner = owner
        super().__init__(channel, callback_function=owner.receive, **arguments)

    def _connect(self, url: str) -> None:
        self._owner.pybit = self  # so that a hanging constructor can be aborted
        base = self._owner.base_url
        if base is not None:
            url = base + urlsplit(url.replace("{", "").replace("}", "")).path
        super()._connect(url)

    def _on_message(self, message: str) -> None:
        self._owner.stamp()
        try:
            super()._on_message(message)
        except (ValueError, TypeError, AttributeError):
            # Not JSON, or JSON that is no object: an error here would end pybit's reader.
            self._owner.break_off("unreadable frame")

    def _on_pong(self) -> None:
        self._owner.stamp()
        super()._on_pong()


class StreamSocket:
    """A connection attempt and, once `open` returned, the connection."""

    def __init__(self, config: BybitConfig, *, private: bool) -> None:
        self.base_url = config.stream_base
        self.inbox: queue.Queue[dict[str, Any]] = queue.Queue(INBOX_FRAMES)
        self.pybit: WebSocket | None = None
        self._config = config
        self._private = private
        self._heard_at = time.monotonic()
        self._broken: str | None = None
        self._closed = threading.Event()

    def open(self, timeout_seconds: float, cancelled: Callable[[], bool]) -> None:
        """Connects within the given time. Raises DependencyDown otherwise. pybit's constructor may
        block for ever, so it runs in a thread of its own; closing the socket aborts it."""
        # websocket-client's only bound on connecting and on half a frame.
        websocket.setdefaulttimeout(timeout_seconds)
        done = threading.Event()
        errors: list[Exception] = []

        def connect() -> None:
            try:
                self._build()
            except Exception as error:  # noqa: BLE001 - handed to the waiting thread below
                errors.append(error)
            finally:
                done.set()
            if self._closed.is_set():
                self._tear_down()

        threading.Thread(target=connect, name="bybit-stream-connect", daemon=True).start()
        deadline = time.monotonic() + timeout_seconds
        while not done.wait(0.05):
            if cancelled() or time.monotonic() > deadline:
                self.close()
                raise DependencyDown("stream: no connection in time", code="stream_timeout")
        if errors:
            self.close()
            raise DependencyDown(
                f"stream: not connected: {type(errors[0]).__name__}", code="stream_down"
            )
        self.stamp()

    def _build(self) -> None:
        config, demo = self._config, self._config.mode is BybitMode.DEMO
        key, secret = (config.api_key, config.api_secret) if self._private else (None, None)
        _PybitSocket(
            self,
            "private" if self._private else config.category,
            testnet=config.mode is BybitMode.TESTNET,
            # The demo host has private streams only; its market is the real one.
            demo=demo and self._private,
            api_key=None if key is None else key.get_secret_value(),
            api_secret=None if secret is None else secret.get_secret_value(),
            ping_interval=PING_SECONDS,
            ping_timeout=PONG_SECONDS,
            retries=_ATTEMPTS,
            restart_on_error=False,
            private_auth_expire=AUTH_EXPIRE_SECONDS,
        )

    # Called by pybit's reader thread: never raises.

    def receive(self, frame: dict[str, Any]) -> None:
        """Queues one frame for the consumer; a full queue breaks the connection off."""
        try:
            self.inbox.put_nowait(frame)
        except queue.Full:
            self.break_off("the consumer is too slow")

    def stamp(self) -> None:
        """Notes that the exchange was heard just now."""
        self._heard_at = time.monotonic()

    def break_off(self, reason: str) -> None:
        """Marks the connection as broken; the first reason is kept."""
        self._broken = self._broken or reason

    # Called by the supervisor.

    @property
    def silent_seconds(self) -> float:
        """Seconds since the exchange was last heard."""
        return time.monotonic() - self._heard_at

    @property
    def fault(self) -> str | None:
        """Why the connection is unusable; None while it is sound."""
        if self._broken is not None:
            return self._broken
        alive = self.pybit is not None and self.pybit.is_connected() and self.pybit.wst.is_alive()
        return None if alive else "connection lost"

    def subscribe(self, topics: Sequence[str]) -> set[str]:
        """Asks for topics; returns the ids of requests that the exchange will acknowledge."""
        return {
            self._request("subscribe", topics[start : start + _ARGS_PER_REQUEST])
            for start in range(0, len(topics), _ARGS_PER_REQUEST)
        }

    def unsubscribe(self, topic: str) -> None:
        """Asks the exchange to send a topic no more."""
        self._request("unsubscribe", [topic])

    def _request(self, op: str, args: Sequence[str]) -> str:
        request_id = uuid4().hex
        message = json.dumps({"op": op, "req_id": request_id, "args": list(args)})
        if self.pybit is None:
            self.break_off(f"{op} could not be sent")
            return request_id
        try:
            self.pybit.ws.send(message)
        except (websocket.WebSocketException, OSError, AttributeError):
            self.break_off(f"{op} could not be sent")
        return request_id

    def close(self) -> None:
        """Ends the connection and pybit's threads, or makes a hanging attempt end itself."""
        self._closed.set()
        self._tear_down()

    def _tear_down(self) -> None:
        pybit = self.pybit
        app = getattr(pybit, "ws", None)
        if pybit is None or app is None:
            return
        raw = getattr(app.sock, "sock", None)
        if raw is not None:
            # A polite close waits for the peer, and the peer may hang. The reader must see this
            # before `exit` closes the socket under its selector, which never wakes then.
            with suppress(OSError):
                raw.shutdown(sockets.SHUT_RDWR)
        reader = pybit.wst
        # pybit makes the reader before it starts it: `connect` then tears down once more.
        if reader is not threading.current_thread() and reader.is_alive():
            reader.join(timeout=2)
        with suppress(websocket.WebSocketException, OSError, AttributeError):
            pybit.exit()
