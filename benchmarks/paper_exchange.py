"""How fast the paper exchange is: orders, market events, memory, a crowd of clients, a day.

Run: `python -m benchmarks.paper_exchange [--only day] [--seconds 3] [--rate 200] [--json PATH]`.
"""

import argparse
import asyncio
import hashlib
import hmac
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import psutil

from benchmarks.support.market_speed import market_events
from paper_exchange.testing import PaperExchangeProcess

SYMBOL = "BTCUSDT"
UNLIMITED = ("--order-rate", "0", "--read-rate", "0", "--ip-rate", "0")
Figures = dict[str, Any]


class Client:
    """A signing client as thin as possible, so that the server is what is measured."""

    def __init__(self, exchange: PaperExchangeProcess, session: aiohttp.ClientSession) -> None:
        self._exchange = exchange
        self._session = session

    def _headers(self, payload: str) -> dict[str, str]:
        now = str(time.time_ns() // 1_000_000)
        text = f"{now}{self._exchange.api_key}60000{payload}"
        secret = self._exchange.api_secret.encode()
        return {
            "X-BAPI-API-KEY": self._exchange.api_key,
            "X-BAPI-SIGN": hmac.new(secret, text.encode(), hashlib.sha256).hexdigest(),
            "X-BAPI-TIMESTAMP": now,
            "X-BAPI-RECV-WINDOW": "60000",
            "Content-Type": "application/json",
        }

    async def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        text = json.dumps(body)
        url = self._exchange.url + path
        async with self._session.post(url, data=text, headers=self._headers(text)) as reply:
            answer: dict[str, Any] = await reply.json()
        if answer["retCode"] != 0:
            raise RuntimeError(f"{path}: {answer['retCode']} {answer['retMsg']}")
        return answer

    async def get(self, path: str, query: str) -> dict[str, Any]:
        url = f"{self._exchange.url}{path}?{query}"
        async with self._session.get(url, headers=self._headers(query)) as reply:
            answer: dict[str, Any] = await reply.json()
        return answer


def quantiles(seconds: Sequence[float]) -> Figures:
    ordered = sorted(seconds)
    return {
        "count": len(ordered),
        "p50_ms": round(1000 * statistics.median(ordered), 3),
        "p99_ms": round(1000 * ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))], 3),
        "max_ms": round(1000 * ordered[-1], 3),
    }


async def resting_order(client: Client, symbol: str = SYMBOL) -> dict[str, Any]:
    """A bid one per cent below the market, within the band."""
    book = await client.get("/v5/market/orderbook", f"category=linear&limit=1&symbol={symbol}")
    rules = await client.get("/v5/market/instruments-info", f"category=linear&symbol={symbol}")
    row = rules["result"]["list"][0]
    tick = Decimal(row["priceFilter"]["tickSize"])
    price = Decimal(book["result"]["b"][0][0]) * Decimal("0.99") // tick * tick
    least = Decimal(row["lotSizeFilter"]["minOrderQty"])
    step = Decimal(row["lotSizeFilter"]["qtyStep"])
    qty = max(least, (Decimal(6) / price // step + 1) * step)
    return {
        "category": "linear",
        "symbol": symbol,
        "side": "Buy",
        "orderType": "Limit",
        "qty": format(qty, "f"),
        "price": format(price, "f"),
    }


async def paced(client: Client, rate: float, seconds: float) -> list[float]:
    """Creates at a fixed rate, each cancelled at once; late ones count their waiting too."""
    order = await resting_order(client)
    times: list[float] = []
    start = time.perf_counter() + 0.05

    async def one(due: float) -> None:
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        began = time.perf_counter()
        answer = await client.post("/v5/order/create", order)
        times.append(time.perf_counter() - began)
        ident = answer["result"]["orderId"]
        known = {"category": "linear", "symbol": SYMBOL, "orderId": ident}
        await client.post("/v5/order/cancel", known)

    await asyncio.gather(*(one(start + i / rate) for i in range(int(rate * seconds))))
    return times


async def flat_out(clients: Sequence[Client], seconds: float) -> tuple[float, list[float]]:
    """Creates and cancels one after the other in each client; creates per second and times."""
    order = await resting_order(clients[0])
    times: list[float] = []
    end = time.perf_counter() + seconds

    async def work(client: Client) -> None:
        while time.perf_counter() < end:
            began = time.perf_counter()
            answer = await client.post("/v5/order/create", order)
            times.append(time.perf_counter() - began)
            ident = answer["result"]["orderId"]
            known = {"category": "linear", "symbol": SYMBOL, "orderId": ident}
            await client.post("/v5/order/cancel", known)

    began = time.perf_counter()
    await asyncio.gather(*(work(client) for client in clients))
    return 2 * len(times) / (time.perf_counter() - began), times


async def orders(seconds: float, rate: float) -> Figures:
    figures: Figures = {}
    with PaperExchangeProcess("--market", "synthetic", *UNLIMITED) as exchange:
        async with aiohttp.ClientSession() as session:
            client = Client(exchange, session)
            await paced(client, rate, 0.5)
            process = psutil.Process(exchange.pid)
            before = sum(process.cpu_times()[:2])
            times = await paced(client, rate, seconds)
            used = sum(process.cpu_times()[:2]) - before
            figures[f"create_at_{rate:g}_per_second"] = {
                **quantiles(times),
                # Each create is followed by its cancel; the market's own work is in it.
                "server_cpu_ms_per_request": round(1000 * used / len(times) / 2, 3),
                "machine_busy_percent": psutil.cpu_percent(),
            }
            for count in (1, 4):
                per_second, times = await flat_out([client] * count, seconds)
                figures[f"flat_out_{count}_clients"] = {
                    "requests_per_second": round(per_second),
                    **quantiles(times),
                }
    return figures


async def memory(count: int) -> Figures:
    """Resident memory before and after `count` open orders, spread over all symbols."""
    with tempfile.TemporaryDirectory() as home:
        accounts = write_accounts(Path(home) / "accounts.json", count // 500)
        arguments = ("--market", "synthetic", *UNLIMITED, "--accounts", str(accounts))
        with PaperExchangeProcess(*arguments, home=Path(home)) as server:
            placed, before, used = await fill_books(server, count)
    return {
        "open_orders": placed,
        "mb": round(used / 1e6, 1),
        "kb_per_order": round(used / 1e3 / placed, 2),
        "base_mb": round(before / 1e6, 1),
    }


async def fill_books(server: PaperExchangeProcess, count: int) -> tuple[int, int, int]:
    """Orders placed, memory before, and memory more after."""
    process = psutil.Process(server.pid)
    placed = 0
    async with aiohttp.ClientSession() as session:
        client = Client(server, session)
        template = await resting_order(client)
        batch = [{k: v for k, v in template.items() if k != "category"}] * 20
        before = process.memory_info().rss
        for number in range(count // 500):
            server.api_key = f"key-{number}"
            for _ in range(25):
                body = {"category": "linear", "request": batch}
                answer = await client.post("/v5/order/create-batch", body)
                placed += sum(v["code"] == 0 for v in answer["retExtInfo"]["list"])
        used = process.memory_info().rss - before
    return placed, before, used


async def crowd(count: int, seconds: float) -> Figures:
    """Clients that trade, read and listen on two sockets each: errors, frames and memory."""
    with PaperExchangeProcess("--market", "synthetic", *UNLIMITED) as server:
        process = psutil.Process(server.pid)
        async with aiohttp.ClientSession() as session:
            order = await resting_order(Client(server, session))
            members = [Member(server, session, order) for _ in range(count)]
            await asyncio.gather(*(member.run(seconds) for member in members))
        return {
            "clients": count,
            "seconds": seconds,
            "requests": sum(member.requests for member in members),
            "frames": sum(member.frames for member in members),
            "errors": [error for member in members for error in member.errors],
            "mb": round(process.memory_info().rss / 1e6, 1),
        }


async def day(hours: float, speed: float) -> Figures:
    """Resident memory over hours of exchange time at speed, while a client trades and listens."""
    with PaperExchangeProcess("--market", "synthetic", "--speed", f"{speed:g}", *UNLIMITED) as one:
        process = psutil.Process(one.pid)
        seconds = hours * 3600 / speed
        async with aiohttp.ClientSession() as session:
            member = Member(one, session, await resting_order(Client(one, session)))
            member.PAUSE_SECONDS = seconds / 2000
            trading = asyncio.create_task(member.run(seconds))
            samples = []
            while not trading.done():
                samples.append(process.memory_info().rss)
                await asyncio.sleep(seconds / 48)
            await trading
    later = samples[len(samples) // 4 :]
    return {
        "hours": hours,
        "speed": speed,
        "requests": member.requests,
        "frames": member.frames,
        "errors": member.errors,
        "mb_at_first_quarter": round(later[0] / 1e6, 1),
        "mb_at_most_later": round(max(later) / 1e6, 1),
        "mb_at_the_end": round(later[-1] / 1e6, 1),
    }


class Member:
    """One client of a crowd: a public socket, a private socket, and two orders a second."""

    PAUSE_SECONDS = 0.5

    def __init__(
        self, server: PaperExchangeProcess, session: aiohttp.ClientSession, order: dict[str, Any]
    ) -> None:
        self._server, self._session, self._order = server, session, order
        self._client = Client(server, session)
        self.requests = self.frames = 0
        self.errors: list[str] = []

    async def run(self, seconds: float) -> None:
        """Trades and listens for a time. A failed request or a lost socket is an error."""
        end = time.perf_counter() + seconds
        sockets = [
            asyncio.create_task(self._listen("public/linear", self._public_topics(), end)),
            asyncio.create_task(self._listen("private", ["order", "execution", "wallet"], end)),
        ]
        while time.perf_counter() < end:
            try:
                await self._trade()
            except (RuntimeError, aiohttp.ClientError, TimeoutError) as error:
                self.errors.append(f"{type(error).__name__}: {error}")
            await asyncio.sleep(self.PAUSE_SECONDS)
        await asyncio.gather(*sockets)

    async def _trade(self) -> None:
        answer = await self._client.post("/v5/order/create", self._order)
        known = {name: self._order[name] for name in ("category", "symbol")}
        known["orderId"] = answer["result"]["orderId"]
        await self._client.get("/v5/order/realtime", f"category=linear&orderId={known['orderId']}")
        await self._client.post("/v5/order/cancel", known)
        self.requests += 3

    @staticmethod
    def _public_topics() -> list[str]:
        return [f"orderbook.50.{SYMBOL}", f"publicTrade.{SYMBOL}", f"tickers.{SYMBOL}"]

    async def _listen(self, path: str, topics: Sequence[str], end: float) -> None:
        async with self._session.ws_connect(f"{self._server.ws_url}/v5/{path}") as socket:
            if path == "private":
                expires = time.time_ns() // 1_000_000 + 10_000
                text, secret = f"GET/realtime{expires}", self._server.api_secret.encode()
                sign = hmac.new(secret, text.encode(), hashlib.sha256).hexdigest()
                args = [self._server.api_key, expires, sign]
                await socket.send_json({"op": "auth", "args": args})
            await socket.send_json({"op": "subscribe", "args": list(topics)})
            while (left := end - time.perf_counter()) > 0:
                try:
                    frame = await socket.receive(left)
                except TimeoutError:
                    return
                if frame.type != aiohttp.WSMsgType.TEXT:
                    self.errors.append(f"{path}: {frame.type.name}")
                    return
                self.frames += 1
                said = json.loads(frame.data)
                if said.get("success") is False:
                    self.errors.append(f"{path}: {said}")


def goals(figures: Figures, rate: float, market: str) -> Figures:
    """What is to be reached, what was, and whether it is."""
    crowded = figures["crowd"]
    most = {
        f"create_p99_ms at {rate:g} a second": (
            3.0,
            figures["orders"][f"create_at_{rate:g}_per_second"]["p99_ms"],
        ),
        f"errors of {crowded['clients']} clients": (0, len(crowded["errors"])),
        "memory_mb with these clients": (100, crowded["mb"]),
    }
    events = figures["market"]["without_orders"]["events_per_second"]
    least = 150_000 if market == "synthetic" else 80_000
    return {
        **{
            name: {"most": goal, "measured": measured, "reached": measured <= goal}
            for name, (goal, measured) in most.items()
        },
        f"{market} events a second": {
            "least": least,
            "measured": events,
            "reached": events >= least,
        },
    }


def write_accounts(path: Path, count: int) -> Path:
    """An account takes 500 active orders of a symbol: many orders need many accounts."""
    rows = [
        {"uid": f"u{i}", "keys": [{"key": f"key-{i}", "secret": "paper-secret"}]}
        for i in range(count)
    ]
    path.write_text(json.dumps(rows))
    return path


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3.0, help="per measurement")
    parser.add_argument("--rate", type=float, default=200.0, help="paced creates per second")
    parser.add_argument("--open-orders", type=int, default=10_000)
    parser.add_argument("--clients", type=int, default=20, help="clients of the crowd")
    parser.add_argument("--crowd-seconds", type=float, default=60.0)
    parser.add_argument("--hours", type=float, default=24.0, help="of the day at speed")
    parser.add_argument("--speed", type=float, default=600.0, help="of the day at speed")
    parser.add_argument("--only", choices=("market", "orders", "memory", "crowd", "day"))
    parser.add_argument("--market", default="synthetic")
    parser.add_argument("--recordings", type=Path)
    parser.add_argument("--warm-up-events", type=int, default=0, help="of the market, not counted")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    parts: dict[str, Callable[[], Figures]] = {
        "market": lambda: market_events(
            args.seconds, args.market, args.recordings, args.warm_up_events
        ),
        "orders": lambda: asyncio.run(orders(args.seconds, args.rate)),
        "memory": lambda: asyncio.run(memory(args.open_orders)),
        "crowd": lambda: asyncio.run(crowd(args.clients, args.crowd_seconds)),
        "day": lambda: asyncio.run(day(args.hours, args.speed)),
    }
    figures: Figures = {name: part() for name, part in parts.items() if args.only in (None, name)}
    if args.only is None:
        figures["goals"] = goals(figures, args.rate, args.market)
    text = json.dumps(figures, indent=2)
    if args.json is not None:
        args.json.write_text(text + "\n")
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
