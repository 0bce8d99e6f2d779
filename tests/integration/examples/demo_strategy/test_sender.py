"""The program as a process: streams from a V5 server, enqueues to a real broker, stops cleanly."""

import asyncio
import base64
import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from aiohttp import web

from models.messages import MLTradeRequest
from paper_exchange.market.factory import open_source
from tests.support.services import RedisServer
from tests.support.waiting import START_SECONDS, eventually
from tests.unit.examples.demo_strategy.market_frames import public_frames

pytestmark = pytest.mark.services
SPEED = 10  # of the market's clock, so that a prediction's outcome is known in under a second


class PublicServer(threading.Thread):
    """Serves the synthetic market's public stream to anybody who connects."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self.connections = 0
        self.url = ""

    def run(self) -> None:
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    def __enter__(self) -> "PublicServer":
        self.start()
        assert self._ready.wait(60)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._ended.set)
        self.join(60)

    async def _serve(self) -> None:
        self._ended = asyncio.Event()
        app = web.Application()
        app.router.add_get("/v5/public/linear", self._stream)
        app.router.add_get("/v5/market/kline", self._kline)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        self._ready.set()
        await self._ended.wait()
        await runner.cleanup()

    async def _kline(self, request: web.Request) -> web.Response:
        closes = [f"{100 + i % 3}" for i in range(30)]
        rows = [[str(60_000 * i), c, c, c, c, "1", "1"] for i, c in enumerate(closes)]
        return web.json_response({"retCode": 0, "result": {"list": rows}})

    async def _stream(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        topics = (await socket.receive_json())["args"]
        assert "orderbook.50.BTCUSDT" in topics
        self.connections += 1
        start_ms = time.time_ns() // 1_000_000
        frames = public_frames(open_source("synthetic", seed=3), 3_600_000, start_ms)
        begun = time.monotonic()
        for n, frame in enumerate(frames):
            if self.connections == 1 and n >= 600 and "u" in frame["data"]:
                frame["data"]["u"] += 1  # an update went missing
            ahead = (frame["ts"] - start_ms) / 1000 / SPEED - (time.monotonic() - begun)
            if ahead > 0.005:
                await asyncio.sleep(ahead)
            if self._ended.is_set() or socket.closed:
                break
            try:
                await socket.send_json(frame)
            except ConnectionError:
                break
        return socket


@pytest.fixture
def public_server() -> Iterator[PublicServer]:
    with PublicServer() as server:
        yield server


def queued(redis: RedisServer) -> list[dict[str, Any]]:
    with redis.client() as client:
        messages = [json.loads(m) for m in client.lrange("validation", 0, -1)]
    for message in messages:
        assert message["headers"]["task"] == "tasks.validation.validate_and_execute"
    bodies = [json.loads(base64.b64decode(m["body"])) for m in messages]
    return [args[0] for args, _, _ in bodies]


def test_it_enqueues_valid_unique_requests_and_stops_on_sigterm(
    public_server: PublicServer, redis: RedisServer
) -> None:
    command = [sys.executable, "-m", "examples.demo_strategy"]
    command += ["--exchange-url", public_server.url, "--rate", "4", "--warmup-seconds", "2"]
    process = subprocess.Popen(
        command,
        env=os.environ | {"MLRISK_DEMO_BROKER_URL": redis.url()},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        eventually(
            lambda: process.poll() is not None or len(queued(redis)) >= 8,
            "eight requests",
            START_SECONDS,
        )
        assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate(timeout=60)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    assert process.returncode == 0, log
    requests = [MLTradeRequest.model_validate(body) for body in queued(redis)]
    assert len(requests) >= 8, log
    assert len({r.request_id for r in requests}) == len(requests)
    assert {r.symbol for r in requests} <= {"BTCUSDT", "ETHUSDT", "SOLUSDT", "DOGEUSDT"}
    lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    sent = [line for line in lines if line["event"] == "request_sent"]
    assert len(sent) == len(requests)
    assert redis.url() not in log
    assert public_server.connections == 2  # a missing update made it ask for a new snapshot
    created = sorted(r.created_at for r in requests)
    assert all(b >= a for a, b in itertools.pairwise(created))
    assert isinstance(created[0], datetime)


def test_without_a_broker_it_says_so_and_does_not_start() -> None:
    environment = {k: v for k, v in os.environ.items() if k != "MLRISK_DEMO_BROKER_URL"}
    done = subprocess.run(
        [sys.executable, "-m", "examples.demo_strategy", "--exchange-url", "http://127.0.0.1:9"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert "MLRISK_DEMO_BROKER_URL" in done.stderr
