"""WebSockets: connections, control frames and subscriptions of all four paths."""

import asyncio
import contextlib
import json
import uuid
from collections import deque
from collections.abc import Callable
from typing import Any

from aiohttp import WSCloseCode, WSMsgType, web

from paper_exchange.server.auth import ApiKey
from paper_exchange.server.clock import wall_ms
from paper_exchange.server.exchange import Exchange
from paper_exchange.server.streams.hub import CATEGORISED, PRIVATE_TOPICS
from paper_exchange.server.wire import dumps
from paper_exchange.types import Category, Reject

IDLE_SECONDS = 600
"""Bybit cuts a socket after ten minutes without ping or data from the client."""
MAX_QUEUE = 20_000
"""The most frames that wait for a slow client. Beyond it the connection is aborted."""
MAX_ARGS_CHARACTERS = 21_000
SPOT_MAX_ARGS = 10
_BATCH = 64


class Connection:
    """One socket: an ordered queue of frames and the topics that its client subscribed to."""

    def __init__(
        self,
        exchange: Exchange,
        request: web.BaseRequest,
        kind: str,
        category: Category | None = None,
    ) -> None:
        self.exchange = exchange
        self.kind = kind
        self.category = category
        self.topics: set[str] = set()
        self.key: ApiKey | None = None
        self.id = uuid.uuid4().hex[:20]
        self._request = request
        self._queue: deque[str] = deque()
        self._wake = asyncio.Event()
        self._closed = False
        self._ws = web.WebSocketResponse(autoping=False, compress=False, max_msg_size=1 << 20)
        self._tasks: set[asyncio.TimerHandle] = set()
        self._args_characters = 0

    # -- life --------------------------------------------------------------------------------

    async def run(self) -> web.StreamResponse:
        """Serves the socket until either side closes it."""
        await self._ws.prepare(self._request)
        writer = asyncio.create_task(self._write())
        try:
            await self._read()
        finally:
            self._closed = True
            self._leave()
            writer.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await writer
            for timer in self._tasks:
                timer.cancel()
            if not self._ws.closed:
                await self._ws.close()
        return self._ws

    async def _read(self) -> None:
        while True:
            try:
                message = await self._ws.receive(timeout=IDLE_SECONDS)
            except TimeoutError:
                return
            if message.type is WSMsgType.PING:
                if not self._silent:
                    await self._ws.pong(message.data)
                continue
            if message.type in (WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED):
                return
            if message.type is WSMsgType.ERROR:
                return
            if message.type is WSMsgType.TEXT and not await self._struck():
                self._frame(message.data)

    async def _struck(self) -> bool:
        fault = self.exchange.faults.strike("socket", self.kind)
        if fault is None:
            return False
        if fault.name == "ws_abort":
            self.abort()
        else:
            await self._ws.close()
        return True

    async def _write(self) -> None:
        queue, ws = self._queue, self._ws
        try:
            while True:
                while queue:
                    await ws.send_str(queue.popleft())
                self._wake.clear()
                await self._wake.wait()
        except ConnectionError:
            self._closed = True

    @property
    def _silent(self) -> bool:
        return self.exchange.faults.lasting("ws_silence", self.kind)

    def send(self, text: str) -> None:
        """Queues a text frame. A client that reads too slowly is cut off."""
        if self._closed or self._silent:
            return
        if len(self._queue) >= MAX_QUEUE:
            self.abort()
            return
        self._queue.append(text)
        self._wake.set()

    def later(self, seconds: float, action: Callable[..., None], *args: Any) -> None:
        """Runs an action after a delay in seconds, unless the socket has gone."""
        loop = asyncio.get_running_loop()

        def act() -> None:
            self._tasks.discard(handle)
            if not self._closed:
                action(*args)

        handle = loop.call_later(seconds, act)
        self._tasks.add(handle)

    def ack(self, frame: dict[str, Any]) -> None:
        """Queues a control frame after the configured delay."""
        self.later(self.exchange.ws_ack_delay, self.send, dumps(frame))

    def abort(self) -> None:
        """Cuts the connection without a closing handshake."""
        self._closed = True
        if self._request.transport is not None:
            self._request.transport.abort()

    async def close(self) -> None:
        """Closes the connection properly."""
        await self._ws.close(code=WSCloseCode.GOING_AWAY)

    def _leave(self) -> None:
        exchange = self.exchange
        if self.category is not None:
            for topic in self.topics:
                exchange.public.leave(self.category, topic, self)
        if self.key is not None and self.kind == "private":
            exchange.private.leave(self.key.uid, self)
            exchange.dcp.socket_left(self.key.uid, self.topics)

    # -- frames ------------------------------------------------------------------------------

    def _frame(self, text: str) -> None:
        try:
            message = json.loads(text)
        except ValueError:
            message = None
        if not isinstance(message, dict):
            self.refuse({}, "error:invalid json")
            return
        op = message.get("op")
        if op == "ping":
            self.send(dumps(self.pong(message)))
        elif op == "auth" and self.category is None:
            self.sign_in(message)
        elif op in ("subscribe", "unsubscribe") and self.kind != "trade":
            self._subscription(op, message)
        else:
            self.other(message)

    def pong(self, message: dict[str, Any]) -> dict[str, Any]:
        """The answer to a ping, in the form of the path."""
        if self.category is not None:
            return self.public_pong(message)
        return {
            "req_id": message.get("req_id", ""),
            "op": "pong",
            "args": [str(wall_ms())],
            "conn_id": self.id,
        }

    def public_pong(self, message: dict[str, Any]) -> dict[str, Any]:
        """The answer to a ping on a public socket."""
        return {
            "success": True,
            "ret_msg": "pong",
            "conn_id": self.id,
            "req_id": message.get("req_id", ""),
            "op": "ping",
        }

    def other(self, message: dict[str, Any]) -> None:
        """Answers an operation that the path does not know."""
        self.refuse(message, "error:unknown op")

    def refuse(self, message: dict[str, Any], text: str) -> None:
        """Answers a request with a failure and its reason."""
        op = message.get("op", "")
        self.ack(self._control(message, op if isinstance(op, str) else "", text, success=False))

    def _control(
        self, message: dict[str, Any], op: str, text: str, *, success: bool
    ) -> dict[str, Any]:
        frame = {"success": success, "ret_msg": text, "conn_id": self.id}
        if self.kind != "private" or "req_id" in message:
            frame["req_id"] = message.get("req_id", "")
        return {**frame, "op": op}

    def authenticate(self, message: dict[str, Any]) -> ApiKey:
        """The key that signed the request.

        Raises Reject for malformed arguments, an unknown key, a wrong signature or a time that has
        passed.
        """
        args = message.get("args")
        if not isinstance(args, list) or len(args) != 3 or not isinstance(args[0], str):
            raise Reject(10001, "Params Error")
        expires = str(args[1])
        if not expires.isdigit() or not isinstance(args[2], str):
            raise Reject(10001, "Params Error")
        fault = self.exchange.faults.strike_named("auth", "auth_refusal", self.kind)
        if fault is not None:
            raise Reject(int(fault.options["code"]), "API key is invalid.")
        wall = self.exchange.wall_ms()
        return self.exchange.keys.authenticate_socket(args[0], int(expires), args[2], wall)

    def sign_in(self, message: dict[str, Any]) -> None:
        """Signs the socket in at once, because pybit subscribes without waiting for the answer."""
        if self.key is not None:
            self.ack(self._control(message, "auth", "Repeated authentication", success=True))
            return
        try:
            self.key = self.authenticate(message)
        except Reject as refusal:
            self.ack(self._control(message, "auth", refusal.ret_msg, success=False))
            return
        self.exchange.private.join(self.key.uid, self)
        self.ack(self._control(message, "auth", "", success=True))

    # -- subscriptions -----------------------------------------------------------------------

    def _subscription(self, op: str, message: dict[str, Any]) -> None:
        args = message.get("args")
        if not isinstance(args, list) or not all(isinstance(arg, str) for arg in args) or not args:
            self.refuse(message, "error:args invalid")
            return
        problem = self._problem(args) if op == "subscribe" else None
        if problem is not None:
            self.refuse(message, problem)
            return
        unknown = [arg for arg in args if not self._knows(arg)] if op == "subscribe" else []
        args = [arg for arg in args if arg not in unknown]
        text = op if self.category == "spot" else ""
        if unknown:
            text = f"error:handler not found,topic:{unknown[0]}"
        if not args:
            self.refuse(message, text)
            return
        frame = self._control(message, op, text, success=True)
        action = self._join if op == "subscribe" else self._quit
        self.later(self.exchange.ws_ack_delay, action, dumps(frame), args)

    def _problem(self, args: list[str]) -> str | None:
        if self.category == "spot" and len(args) > SPOT_MAX_ARGS:
            return "args size >10"
        if self._args_characters + sum(map(len, args)) > MAX_ARGS_CHARACTERS:
            return "error:args too long"
        if self.category is None and self.key is None:
            return "Request not authorized"
        if self.category is None and _mixed(args):
            return "error:all-in-one and categorised topics may not be mixed"
        return None

    def _knows(self, topic: str) -> bool:
        """Whether the path knows a topic.

        An unknown topic is left out and named. The other topics of its request don't fail.
        """
        if self.category is not None:
            return self.exchange.public.knows(self.category, topic)
        return topic in PRIVATE_TOPICS

    def _join(self, frame: str, args: list[str]) -> None:
        """Sends the ack first, then snapshots.

        pybit stores the topic only after it has sent its request.
        """
        self.send(frame)
        for topic in args:
            if topic in self.topics:
                continue
            self.topics.add(topic)
            self._args_characters += len(topic)
            if self.category is not None:
                self.exchange.public.join(self.category, topic, self)
            elif self.key is not None and topic.startswith("dcp."):
                self.exchange.dcp.socket_joined(self.key.uid, topic)

    def _quit(self, frame: str, args: list[str]) -> None:
        for topic in args:
            if topic in self.topics:
                self.topics.discard(topic)
                self._args_characters -= len(topic)
                if self.category is not None:
                    self.exchange.public.leave(self.category, topic, self)
        self.send(frame)


class QuietConnection(Connection):
    """A public socket of a category without markets, or of the system's status.

    It accepts every topic, answers pings, and says nothing more.
    """

    def _problem(self, args: list[str]) -> str | None:
        del args
        return None

    def _knows(self, topic: str) -> bool:
        del topic
        return True

    def pong(self, message: dict[str, Any]) -> dict[str, Any]:
        """The answer to a ping, as on every public socket."""
        return self.public_pong(message)

    def sign_in(self, message: dict[str, Any]) -> None:
        """Refuses: a public socket knows no authentication."""
        self.refuse(message, "error:unknown op")


def _mixed(args: list[str]) -> bool:
    """Whether one request asks for both `order` and `order.linear`, or another such pair."""
    whole = {arg for arg in args if arg in CATEGORISED}
    parts = {arg.rpartition(".")[0] for arg in args if arg.rpartition(".")[0] in CATEGORISED}
    # `execution.fast` is itself a whole topic, not a part of `execution`.
    parts -= {"execution"} if not _execution_parts(args) else set()
    return bool(whole and parts)


def _execution_parts(args: list[str]) -> bool:
    return any(
        arg.startswith("execution.") and not arg.startswith("execution.fast") for arg in args
    )
