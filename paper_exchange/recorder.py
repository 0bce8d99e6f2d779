"""Records live public streams of Bybit, or of a paper exchange, for `--market bybit`.

The file is zstd-compressed JSON lines: the instruments' rules as REST gave them, then every frame
of the sockets with its receive time, unchanged. A lost connection is opened again. Its books begin
with new snapshots.
"""

import argparse
import asyncio
import contextlib
import json
import logging
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
import zstandard

log = logging.getLogger(__name__)

FILE_NAME: Final = "bybit_v5_ws_%Y%m%d%H%M%S.jsonl.zst"
"""In the order of their names the newest is last, as `--market bybit` looks for it."""
LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")
REST_URL: Final = "https://api.bybit.com"
STREAM_URL: Final = "wss://stream.bybit.com"
TOPICS: Final = ("orderbook.{depth}.{symbol}", "publicTrade.{symbol}", "tickers.{symbol}")
PING_SECONDS: Final = 20.0
RETRY_SECONDS: Final = 1.0
PAGE: Final = 1000
_MOST_ARGS: Final = 10
"""Bybit takes at most ten topics of spot in one subscription."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What is recorded, and where it comes from."""

    symbols: tuple[str, ...]
    categories: tuple[str, ...] = ("linear",)
    depth: int = 200
    rest: str = REST_URL
    stream: str = STREAM_URL


class Recording:
    """An open file of recorded lines. Each line is handed to the compressor at once."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.frames = 0
        """The number of frames received."""
        self._raw = path.open("xb")
        self._file = zstandard.ZstdCompressor(level=3).stream_writer(self._raw)

    def write(self, kind: str, **fields: Any) -> None:
        """Adds one line with the present time, in seconds since 1970."""
        line = {"t": kind, "ts": time.time(), **fields}
        self._file.write(json.dumps(line).encode() + b"\n")
        self.frames += kind == "recv"

    def __enter__(self) -> "Recording":
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.flush(zstandard.FLUSH_FRAME)
        self._raw.close()


async def record(
    wish: Wish, path: Path, stop: asyncio.Event, opened: Callable[[Path], Recording] = Recording
) -> int:
    """Records until `stop` is set; returns the number of frames. `opened` opens the file.

    Raises FileExistsError for an existing file, and aiohttp.ClientError or ValueError when the
    rules of the instruments can't be read.
    """
    # A request for loopback must not go through the machine's proxy.
    is_local = urlsplit(wish.rest).hostname in LOOPBACK
    async with aiohttp.ClientSession(trust_env=not is_local) as session:
        with opened(path) as recording:
            recording.write("header", format=2, exchange="BYBIT", symbols=list(wish.symbols))
            for category in wish.categories:
                await _rules(session, wish, category, recording)
            streams = [
                asyncio.create_task(_stream(session, wish, category, recording))
                for category in wish.categories
            ]
            await stop.wait()
            for stream in streams:
                stream.cancel()
            await asyncio.gather(*streams, return_exceptions=True)
        return recording.frames


async def _rules(
    session: aiohttp.ClientSession, wish: Wish, category: str, recording: Recording
) -> None:
    """Writes the pages of instruments-info."""
    cursor = ""
    while True:
        url = f"{wish.rest}/v5/market/instruments-info?category={category}&limit={PAGE}"
        if cursor:
            url += f"&cursor={cursor}"
        async with session.get(url) as reply:
            reply.raise_for_status()
            text = await reply.text()
        answer = json.loads(text)
        if answer.get("retCode") != 0:
            raise ValueError(f"{url}: {answer.get('retMsg')}")
        recording.write("http", url=url, data=text)
        cursor = answer["result"].get("nextPageCursor", "")
        if not cursor or not answer["result"]["list"]:
            return


async def _stream(
    session: aiohttp.ClientSession, wish: Wish, category: str, recording: Recording
) -> None:
    """Keeps one category's socket open and writes its frames, until it is cancelled."""
    address = f"{wish.stream}/v5/public/{category}"
    number = 0
    while True:
        number += 1
        name = f"{category}.{number}"
        try:
            async with session.ws_connect(address, heartbeat=PING_SECONDS) as socket:
                recording.write("connect", conn=name, addr=address)
                await _subscribe(socket, wish, name, recording)
                pings = asyncio.create_task(_ping(socket))
                try:
                    async for frame in socket:
                        if frame.type == aiohttp.WSMsgType.TEXT:
                            recording.write("recv", conn=name, data=frame.data)
                finally:
                    pings.cancel()
            log.warning("%s closed the stream; it is opened again", address)
        except (aiohttp.ClientError, TimeoutError) as error:
            log.warning("%s: %s; it is opened again", address, error)
        await asyncio.sleep(RETRY_SECONDS)


async def _ping(socket: aiohttp.ClientWebSocketResponse) -> None:
    """Sends the heartbeat of Bybit's protocol for as long as the socket is open."""
    while not socket.closed:
        await asyncio.sleep(PING_SECONDS)
        with contextlib.suppress(ConnectionError):
            await socket.send_str('{"op":"ping"}')


async def _subscribe(
    socket: aiohttp.ClientWebSocketResponse, wish: Wish, name: str, recording: Recording
) -> None:
    topics = [
        topic.format(depth=wish.depth, symbol=symbol) for symbol in wish.symbols for topic in TOPICS
    ]
    for start in range(0, len(topics), _MOST_ARGS):
        text = json.dumps({"op": "subscribe", "args": topics[start : start + _MOST_ARGS]})
        recording.write("send", conn=name, data=text)
        await socket.send_str(text)


def parser() -> argparse.ArgumentParser:
    """The parser of the command line."""
    p = argparse.ArgumentParser(
        prog="bybit-paper record",
        description="Records public streams until Ctrl-C or for a time. `--market bybit "
        "--recordings DIR` plays the newest file of a directory.",
    )
    p.add_argument("--symbols", required=True, help="comma-separated, such as BTCUSDT,ETHUSDT")
    p.add_argument("--categories", default="linear", help="linear, spot or both (%(default)s)")
    p.add_argument("--depth", type=int, default=200, help="levels of the books (%(default)s)")
    p.add_argument("--out", type=Path, default=Path(), help="directory of the file (%(default)s)")
    p.add_argument("--seconds", type=float, help="end after this time")
    p.add_argument("--rest", default=REST_URL, help="address of REST (%(default)s)")
    p.add_argument("--stream", default=STREAM_URL, help="address of the streams (%(default)s)")
    return p


async def _run(wish: Wish, path: Path, seconds: float | None) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if seconds is not None:
        loop.call_later(seconds, stop.set)
    return await record(wish, path, stop)


def main(argv: Sequence[str]) -> int:
    """Records as the command line says; returns the process's exit code."""
    args = parser().parse_args(argv)
    logging.basicConfig(stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s")
    wish = Wish(
        symbols=tuple(args.symbols.split(",")),
        categories=tuple(args.categories.split(",")),
        depth=args.depth,
        rest=args.rest.rstrip("/"),
        stream=args.stream.rstrip("/"),
    )
    path = args.out / time.strftime(FILE_NAME, time.gmtime())
    try:
        frames = asyncio.run(_run(wish, path, args.seconds))
    except (aiohttp.ClientError, ValueError, OSError) as error:
        log.error("nothing was recorded: %s", error)
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
        return 2
    sys.stdout.write(f"{frames} frames in {path}\n")
    return 0 if frames else 1
