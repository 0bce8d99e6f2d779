"""A whole system for a benchmark: the processes of `mlrisk up`, a rich account, lifted limits."""

import math
import os
import platform
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import yaml
from celery import Celery
from redis import Redis
from sqlalchemy import select

from bot.clock import SystemClock
from bot.exchange.market_cache import RedisMarketCache
from config.celery import with_database
from config.settings import PREFIX, Settings, load_settings
from models.database import Database
from models.provisioning import provision
from models.tables import EquityRow
from tasks.bootstrap import MARKET_DATABASE, market_seal
from tests.support.system import RICH_ACCOUNT
from workers.home import Home
from workers.supervision import topology
from workers.supervision.programs.servers import accounts_file
from workers.supervision.programs.starting import SERVERS
from workers.supervision.supervisor import Supervisor

SYMBOLS = ("BTCUSDT", "ETHUSDT")
REQUEST = "tasks.validation.validate_and_execute"
PING = "tasks.reporting.ping"
QUEUE = "validation"
READY_SECONDS = 300.0
"""As long as a busy machine may take; a quick one waits no longer than it needs."""
_FILES = Path(__file__).resolve().parents[2] / "config" / "ml_risk_config.yaml"
_UNLIMITED = ("--order-rate", "0", "--read-rate", "0", "--ip-rate", "0")
LIFTED = {
    "gate": {"max_orders_per_second": 100_000, "max_repeated_orders": 1_000_000},
    "emergency_stops": {"max_consecutive_losses": 1_000_000},
    "working": {"orders_per_second": 10_000},
    "alerting": {"messages_per_minute": 600},
}
"""What would deny or hold back a part of what is measured; what is decided stays the same."""


@dataclass(frozen=True, slots=True)
class WholeSystem:
    """A running system with everything that a benchmark asks it."""

    home: Home
    supervisor: Supervisor
    settings: Settings
    database: Database

    @property
    def redis_url(self) -> str:
        return self.settings.require_redis_url()

    def processor_seconds(self) -> dict[str, float]:
        """Processor time of each process with its children so far; other work on the machine
        moves it little, which is why it is worth printing beside times."""
        return {
            status.name: _processor_seconds(status.pid)
            for status in self.supervisor.status()[1:]
            if status.pid is not None
        }


@contextmanager
def whole_system(
    directory: Path,
    *,
    message_key: str | None = None,
    alert_channels: Mapping[str, str] | None = None,
) -> Iterator[WholeSystem]:
    """Runs it below `directory` for the time of the block; money and markets are known."""
    config, accounts = directory / "config.yaml", directory / "accounts.yaml"
    document = yaml.safe_load(_FILES.read_text(encoding="utf-8"))
    config.write_text(yaml.safe_dump({**document, "overrides": LIFTED}), encoding="utf-8")
    os.environ[f"{PREFIX}CONFIG_PATH"] = str(config)
    home = Home(directory / "home")
    home.create()
    paper = ("--market", "synthetic", "--accounts", str(accounts), *_UNLIMITED)
    options = topology.Options(
        symbols=SYMBOLS,
        paper_arguments=paper,
        message_key=message_key,
        alert_channels=alert_channels or {},
        # A process gets no setting of ours from the environment of whoever starts it.
        settings={f"{PREFIX}CONFIG_PATH": str(config)},
    )
    built = topology.build(home, options)
    accounts.write_text(rich_account(home), encoding="utf-8")
    built.prepare()
    supervisor = Supervisor(home)

    def open_doors() -> None:
        provision(built.create_database())
        home.write_environment(built.environment)

    supervisor.start(built.specs, after_stage={SERVERS: open_doors})
    try:
        settings = load_settings(home.path)
        database = Database(settings.require_database_url())
        wait_until_priced(database, settings)
        yield WholeSystem(home, supervisor, settings, database)
        database.dispose()
    finally:
        supervisor.shutdown()


def rich_account(home: Home) -> str:
    """The accounts that the topology has written for the paper exchange, made rich."""
    (rich,) = yaml.safe_load(RICH_ACCOUNT)
    accounts = yaml.safe_load(accounts_file(home).read_text(encoding="utf-8"))
    return yaml.safe_dump([{**rich, **account} for account in accounts])


def wait_until_priced(database: Database, settings: Settings) -> None:
    """Returns when money and markets are known; that the processes work the start has seen."""
    deadline = time.monotonic() + READY_SECONDS
    url = with_database(settings.require_redis_url(), MARKET_DATABASE)
    with Redis.from_url(url) as client:
        market = RedisMarketCache(client, seal=market_seal(settings, SystemClock()))
        while not _is_priced(database, market):
            if time.monotonic() > deadline:
                raise RuntimeError("the system was not ready in time")
            time.sleep(0.1)


def _is_priced(database: Database, market: RedisMarketCache) -> bool:
    with database.reading() as session:
        if session.scalar(select(EquityRow.equity_id).limit(1)) is None:
            return False
    views = [market.get(symbol) for symbol in SYMBOLS]
    return all(view is not None and view.volatility_baseline is not None for view in views)


def outsider(redis_url: str) -> Celery:
    """A Celery client as a strategy would make it: no code of mlrisk."""
    return Celery(
        "benchmark",
        broker=redis_url,
        backend=with_database(redis_url, 1),
        set_as_current=False,
    )


def _processor_seconds(pid: int) -> float:
    process = psutil.Process(pid)
    times = [each.cpu_times() for each in (process, *process.children(recursive=True))]
    return sum(each.user + each.system for each in times)


def sender(redis_url: str) -> Celery:
    """A Celery client that only sends; who wants results listens to Redis."""
    return Celery("benchmark", broker=redis_url, set_as_current=False)


def machine() -> str:
    """What figures must be read with: the machine and how busy it was."""
    return (
        f"{platform.machine()}, {psutil.cpu_count()} processors, "
        f"load {os.getloadavg()[0]:.1f} before, Python {platform.python_version()}"
    )


def quantiles(values: Sequence[float]) -> dict[str, float]:
    """p50, p99 and the largest, by nearest rank; not a number where nothing was measured."""
    if not values:
        return {"p50": math.nan, "p99": math.nan, "max": math.nan}
    return {"p50": quantile(values, 0.5), "p99": quantile(values, 0.99), "max": max(values)}


def quantile(values: Sequence[float], share: float) -> float:
    """Nearest rank: a value that was measured, never one between two."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
