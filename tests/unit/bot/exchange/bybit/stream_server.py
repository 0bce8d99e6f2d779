"""A WebSocket server on 127.0.0.1 that does to its clients what a test asks for."""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from aiohttp import WSMsgType, web


class StreamServer:
    """Acknowledges like Bybit; `push` sends to every subscribed client."""

    def __init__(self, port: int = 0) -> None:
        self.port = port
        self.auth_ok = True
        self.subscribe_ok = True
        self.unknown: set[str] = set()
        """Symbols that a subscription is refused for, whole."""
        self.echo_req_id = True
        self.acknowledge = True
        self.hang_handshake = False
        self.requests: list[dict[str, Any]] = []
        self.paths: list[str] = []
        self._clients: set[web.WebSocketResponse] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        self._thread.start()
        self._call(self._start())

    def stop(self) -> None:
        self.drop()
        if self._runner is not None:
            self._call(self._runner.cleanup())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def push(self, frame: dict[str, Any] | str) -> None:
        text = frame if isinstance(frame, str) else json.dumps(frame)

        async def send() -> None:
            for client in list(self._clients):
                await client.send_str(text)

        self._call(send())

    def drop(self) -> None:
        """Closes every connection."""

        async def close() -> None:
            for client in list(self._clients):
                await client.close()

        self._call(close())

    def reset(self) -> None:
        """Cuts every connection without a close frame."""

        async def cut() -> None:
            for client in list(self._clients):
                if client._req is not None and client._req.transport is not None:
                    client._req.transport.abort()

        self._call(cut())

    @property
    def connected(self) -> int:
        return len(self._clients)

    def _call(self, work: Any) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=60)

    async def _start(self) -> None:
        app = web.Application()
        app.router.add_get("/{path:.*}", self._serve)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        self.paths.append(request.path)
        while self.hang_handshake:
            await asyncio.sleep(0.02)
        client = web.WebSocketResponse()
        await client.prepare(request)
        self._clients.add(client)
        try:
            async for message in client:
                if message.type is WSMsgType.TEXT:
                    await self._answer(client, json.loads(message.data))
        finally:
            self._clients.discard(client)
        return client

    async def _answer(self, client: web.WebSocketResponse, asked: dict[str, Any]) -> None:
        self.requests.append(asked)
        op = asked["op"]
        if op == "ping":
            await client.send_json({"op": "pong", "args": ["1"], "conn_id": "c"})
        if not self.acknowledge or op == "ping":
            return
        ok = {"auth": self.auth_ok, "subscribe": self.subscribe_ok}.get(op, True)
        strange = [t for t in asked.get("args", ()) if str(t).rpartition(".")[2] in self.unknown]
        text = f"error:handler not found,topic:{strange[0]}" if strange else "no"
        ok = ok and not (op == "subscribe" and strange)
        answer = {"success": ok, "ret_msg": "" if ok else text, "op": op, "conn_id": "c"}
        if self.echo_req_id and "req_id" in asked:
            answer["req_id"] = asked["req_id"]
        await client.send_json(answer)


@contextmanager
def running(port: int = 0) -> Iterator[StreamServer]:
    server = StreamServer(port)
    server.start()
    try:
        yield server
    finally:
        server.stop()
