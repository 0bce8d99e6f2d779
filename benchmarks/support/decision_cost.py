"""What one decision costs a process: its statements, round trips to Postgres and time."""

import cProfile
import pstats
import random
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from redis import Redis
from sqlalchemy import event

from benchmarks.support.whole_system import SYMBOLS
from bot.clock import SystemClock
from bot.decision.service import ApprovalPorts, ApprovalService
from bot.exchange.market_cache import RedisMarketCache
from bot.execution.ports import AccountDeps, DispatcherOnly
from bot.limits.source import ConfiguredLimits
from config.celery import with_database
from config.settings import Settings
from models.database import Database
from tasks.bootstrap import MARKET_DATABASE, market_seal
from tests.support.system import trade_request

_ANSWERED = b"ReadyForQuery"
"""The end of every answer of Postgres: one for each round trip."""


@dataclass(frozen=True, slots=True)
class Cost:
    """One decision in this process, averaged: its statements and its time."""

    round_trips: float
    statements: float
    milliseconds: float
    processor_milliseconds: float


def small_trade(chance: random.Random) -> dict[str, Any]:
    """So small that some thousand unsent ones add up to nothing near a limit."""
    return trade_request(
        symbol=chance.choice(SYMBOLS),
        side=chance.choice(("buy", "sell")),
        signal_data={"position_size": f"{100 + chance.randrange(10_000) / 100:.2f}"},
    )


@contextmanager
def counted(database: Database, trace: Path) -> Iterator[Callable[[], tuple[int, int]]]:
    """Counts (round trips, statements) of every connection that is taken from the pool."""
    statements = 0
    with trace.open("w+b") as file:

        def count(*_: Any) -> None:
            nonlocal statements
            statements += 1

        def listen(connection: Any, *_: Any) -> None:
            connection.pgconn.trace(file.fileno())

        event.listen(database.engine, "before_cursor_execute", count)
        event.listen(database.engine, "checkout", listen)
        try:
            yield lambda: (trace.read_bytes().count(_ANSWERED), statements)
        finally:
            event.remove(database.engine, "before_cursor_execute", count)
            event.remove(database.engine, "checkout", listen)


def cost_of_one(settings: Settings, directory: Path, decisions: int, profile: int) -> Cost:
    """Decides here what workers decide otherwise: same rows, same market, same limits."""
    url = with_database(settings.require_redis_url(), MARKET_DATABASE)
    with Redis.from_url(url) as redis:
        database = Database(settings.require_database_url(), pool_size=1)
        clock = SystemClock()
        service = ApprovalService(
            AccountDeps(database, settings.account, clock, DispatcherOnly()),
            ApprovalPorts(
                RedisMarketCache(redis, SYMBOLS, seal=market_seal(settings, clock)),
                ConfiguredLimits(settings, database),
            ),
            horizon=timedelta(seconds=settings.dispatch_horizon_seconds),
        )
        chance = random.Random(11)

        def decide(times: int) -> None:
            for _ in range(times):
                service.validate_and_execute(small_trade(chance))

        decide(20)
        wall, processor = time.perf_counter(), time.process_time()
        decide(decisions)
        wall, processor = time.perf_counter() - wall, time.process_time() - processor
        with counted(database, directory / "trace") as count:
            decide(decisions)
            round_trips, statements = count()
        if profile:
            _print_profile(lambda: decide(decisions), profile)
        database.dispose()
    return Cost(
        round_trips / decisions,
        statements / decisions,
        wall / decisions * 1000,
        processor / decisions * 1000,
    )


def _print_profile(run: Callable[[], None], lines: int) -> None:
    profiler = cProfile.Profile()
    profiler.runcall(run)
    # Not among the figures: `--json` has standard output to itself.
    pstats.Stats(profiler, stream=sys.stderr).sort_stats("cumulative").print_stats(lines)
