"""Command line: trade several symbols of a Bybit V5 server through mlrisk until told to stop.

Example: python -m examples.demo_strategy --broker redis://127.0.0.1:6379/0 \\
    --exchange-url http://127.0.0.1:8099 --symbols BTCUSDT,ETHUSDT --rate 0.5
"""

import argparse
import json
import logging
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path

from examples.demo_strategy.features import BookGapError
from examples.demo_strategy.feed import CONNECTED, Feed, recent_closes
from examples.demo_strategy.memory import Memory
from examples.demo_strategy.sender import Sender
from examples.demo_strategy.strategy import Strategy

log = logging.getLogger("examples.demo_strategy")

BROKER_VARIABLE = "MLRISK_DEMO_BROKER_URL"
KEY_VARIABLE = "MLRISK_DEMO_KEY"
_POLL_SECONDS = 0.1  # how long a quiet stream may delay a stop
_REPORT_SECONDS = 30.0


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="demo_strategy", description=__doc__)
    parser.add_argument("--broker", help=f"Celery broker; else ${BROKER_VARIABLE}")
    parser.add_argument("--exchange-url", required=True, help="http://host:port of a V5 server")
    parser.add_argument("--symbols", default="BTCUSDT,ETHUSDT,SOLUSDT,DOGEUSDT")
    parser.add_argument("--rate", type=float, default=0.5, help="most requests per second")
    parser.add_argument("--seconds", type=float, help="stop after this long")
    parser.add_argument("--seed", type=int, default=1, help="of the ensemble's resampling")
    parser.add_argument("--notional", type=_money, default="800", help="USDT per entry")
    parser.add_argument(
        "--warmup-seconds", type=float, default=10.0, help="of market data before the first request"
    )
    parser.add_argument(
        "--memory", type=Path, help="file with what it holds; a restart goes on from there"
    )
    return parser.parse_args(argv)


def _money(text: str) -> Decimal:
    try:
        value = Decimal(text)
    except InvalidOperation as error:
        raise argparse.ArgumentTypeError(f"not a number: {text}") from error
    if not value.is_finite() or value <= 0:
        raise argparse.ArgumentTypeError("must be greater than 0")
    return value


def main(argv: Sequence[str] | None = None) -> int:
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(message)s")
    arguments = _arguments(argv)
    broker = arguments.broker or os.environ.get(BROKER_VARIABLE)
    symbols = [s for s in arguments.symbols.split(",") if s]
    if not broker or not symbols or arguments.rate <= 0:
        log.error("needs a broker (--broker or %s), --symbols and --rate > 0", BROKER_VARIABLE)
        return 2
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    strategy = Strategy(
        symbols, seed=arguments.seed, rate=arguments.rate, notional=arguments.notional
    )
    _warm_up(strategy, arguments.exchange_url, symbols)
    feed = Feed(arguments.exchange_url, symbols)
    sender = Sender(broker, os.environ.get(KEY_VARIABLE))
    feed.start()
    sender.start()
    try:
        _trade(strategy, feed, sender, stopped, arguments)
    finally:
        feed.stop()
        sender.close()
        feed.join(5)
        _report(strategy, sender)
    return 0


def _warm_up(strategy: Strategy, exchange_url: str, symbols: Sequence[str]) -> None:
    for symbol in symbols:
        try:
            strategy.warm_up(symbol, recent_closes(exchange_url, symbol))
        except (OSError, ValueError, LookupError) as error:
            log.warning("%s starts without price history: %s", symbol, error)


def _trade(
    strategy: Strategy,
    feed: Feed,
    sender: Sender,
    stopped: threading.Event,
    arguments: argparse.Namespace,
) -> None:
    memory = Memory(arguments.memory)
    memory.recall(strategy)
    started = reported = time.monotonic()
    first_data: float | None = None
    # Unique for ever across restarts, and short enough for mlrisk's 64 characters.
    run = f"{time.time_ns() // 1_000_000:x}-{os.getpid():x}"
    number = 0
    broken = False
    while not stopped.is_set():
        monotonic = time.monotonic()
        if arguments.seconds is not None and monotonic - started >= arguments.seconds:
            return
        if monotonic - reported >= _REPORT_SECONDS:
            reported = monotonic
            _report(strategy, sender)
        try:
            received_at, frame = feed.frames.get(timeout=_POLL_SECONDS)
        except queue.Empty:
            continue
        if frame is CONNECTED:
            broken = False
            strategy.on_connected()
        if frame is CONNECTED or broken:
            continue
        first_data = first_data or monotonic
        now = datetime.now(UTC)
        try:
            strategy.on_frame(frame, received_at, now)
        except BookGapError as error:
            log.warning("book broken, asking for a snapshot: %s", error)
            broken = True
            feed.reconnect()
        if broken or monotonic - first_data < arguments.warmup_seconds:
            continue
        signal_now = strategy.next_signal(now)
        if signal_now is not None:
            number += 1
            sender.submit(strategy.request(f"demo-{run}-{number}", signal_now, now))
            memory.keep(strategy)


def _report(strategy: Strategy, sender: Sender) -> None:
    calibration = strategy.ensemble.calibration
    line = {
        "event": "model",
        "labels": strategy.ensemble.labels,
        "hit_rate": round(calibration.hit_rate, 4),
        "expected_calibration_error": round(calibration.expected_error, 4),
        "brier": round(calibration.brier, 4),
        "sent": sender.sent,
        "dropped": sender.dropped,
    }
    log.info(json.dumps(line))


if __name__ == "__main__":
    sys.exit(main())
