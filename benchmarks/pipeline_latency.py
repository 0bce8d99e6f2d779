"""Enqueue to exchange-accepted at a fixed rate, beside the round trip of an empty Celery task.

`make bench`, or `python -m benchmarks.pipeline_latency --seconds 60 --rate 10`. It starts a system
of its own (the processes of `mlrisk up`, without strategy), enqueues requests by name as an
outsider, and at the same rate sends empty tasks to the same validation worker. Requests are sent
open-loop: a slow answer delays no later one.
"""

import argparse
import os
import platform
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import psutil
import yaml
from celery import Celery
from redis import Redis
from sqlalchemy import func, select

from bot.exchange.market_cache import RedisMarketCache
from bot.exchange.paper.journal import read_journal
from config.celery import with_database
from config.settings import PREFIX, load_settings
from models import migrate
from models.database import Database
from models.enums import ExecutionStatus
from models.tables import ChildOrderRow, DecisionRow, EquityRow, TradeRequestRow
from tasks.context import MARKET_DATABASE
from tests.support.system import trade_request
from workers import topology
from workers.home import Home
from workers.status import ProcessStatus
from workers.supervisor import Supervisor

SYMBOLS = ("BTCUSDT", "ETHUSDT")
REQUEST = "tasks.validation.validate_and_execute"
PING = "tasks.reporting.ping"
QUEUE = "validation"
READY_SECONDS = 60.0
DRAIN_SECONDS = 20.0
_UNLIMITED = ("--order-rate", "0", "--read-rate", "0", "--ip-rate", "0")
_CONFIG = Path(__file__).resolve().parents[1] / "config" / "ml_risk_config.yaml"


@dataclass
class Samples:
    """Milliseconds by what was measured, and how the requests were decided."""

    milliseconds: dict[str, list[float]] = field(default_factory=dict)
    decided: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)

    def add(self, what: str, start: datetime, end: datetime | None) -> None:
        found = self.milliseconds.setdefault(what, [])
        if end is not None:
            found.append((end - start).total_seconds() * 1000)


class Pinger(threading.Thread):
    """Sends an empty task per period and takes the time until its result is in hand."""

    def __init__(self, redis_url: str, period_seconds: float) -> None:
        super().__init__(name="pinger", daemon=True)
        # Celery's result client is not made for several threads: this one is the thread's own.
        self._broker = outsider(redis_url)
        self._period = period_seconds
        self._stopping = threading.Event()
        self.milliseconds: list[float] = []

    def run(self) -> None:
        due = time.monotonic()
        while not self._stopping.wait(max(0.0, due - time.monotonic())):
            start = time.perf_counter()
            self._broker.send_task(PING, args=["x"], queue=QUEUE).get(timeout=READY_SECONDS)
            self.milliseconds.append((time.perf_counter() - start) * 1000)
            due = max(due + self._period, time.monotonic())

    def stop(self) -> None:
        self._stopping.set()
        self.join()
        self._broker.close()


def outsider(redis_url: str) -> Celery:
    """A Celery client as a strategy would make it: no code of mlrisk."""
    return Celery(
        "benchmark",
        broker=redis_url,
        backend=with_database(redis_url, 1),
        set_as_current=False,
    )


def lift_limits(directory: Path) -> None:
    """Limits that would deny a part of what is measured: ten orders a second, and losses in a row,
    which buying and selling in turn across the spread makes for certain."""
    document = yaml.safe_load(_CONFIG.read_text(encoding="utf-8"))
    document["overrides"] = {
        "gate": {"max_orders_per_second": 1000},
        "emergency_stops": {"max_consecutive_losses": 1_000_000},
    }
    path = directory / "config.yaml"
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    os.environ[f"{PREFIX}CONFIG_PATH"] = str(path)


@contextmanager
def running_system(directory: Path) -> Iterator[tuple[Supervisor, Home]]:
    """Everything that `mlrisk up --no-demo` starts, on a synthetic market without rate limits."""
    home = Home(directory / "home")
    home.create()
    built = topology.build(
        home,
        topology.Options(symbols=SYMBOLS, paper_arguments=("--market", "synthetic", *_UNLIMITED)),
    )
    built.prepare()
    supervisor = Supervisor(home)

    def open_doors() -> None:
        migrate.upgrade(built.create_database())
        home.write_environment(built.environment)

    supervisor.start(built.specs, after_stage={topology.SERVERS: open_doors})
    try:
        yield supervisor, home
    finally:
        supervisor.shutdown()


def wait_until_ready(database: Database, redis_url: str) -> None:
    """Returns when money and markets are known and the validation worker answers."""
    deadline = time.monotonic() + READY_SECONDS
    with Redis.from_url(with_database(redis_url, MARKET_DATABASE)) as client:
        market = RedisMarketCache(client)
        while not _is_priced(database, market):
            if time.monotonic() > deadline:
                raise RuntimeError("the system was not ready in time")
            time.sleep(0.1)
    broker = outsider(redis_url)
    broker.send_task(PING, args=["ready"], queue=QUEUE).get(timeout=READY_SECONDS)
    broker.close()


def _is_priced(database: Database, market: RedisMarketCache) -> bool:
    with database.reading() as session:
        if session.scalar(select(EquityRow.equity_id).limit(1)) is None:
            return False
    views = [market.get(symbol) for symbol in SYMBOLS]
    return all(view is not None and view.volatility_baseline is not None for view in views)


def send(broker: Celery, rate: float, seconds: float) -> list[str]:
    """Enqueues at a fixed rate, buying and selling in turn so that positions stay small."""
    ids = []
    start = time.monotonic()
    for number in range(int(rate * seconds)):
        time.sleep(max(0.0, start + number / rate - time.monotonic()))
        side = "buy" if number % 2 == 0 else "sell"
        request = trade_request(symbol=SYMBOLS[number // 2 % 2], side=side)
        broker.send_task(REQUEST, args=[request], queue=QUEUE, ignore_result=True)
        ids.append(request["request_id"])
    return ids


def wait_until_decided(database: Database, count: int) -> None:
    """Returns when nothing waits for its decision or its sending; after a while, in any case."""
    deadline = time.monotonic() + DRAIN_SECONDS
    while time.monotonic() < deadline:
        with database.reading() as session:
            decided = session.scalar(select(func.count()).select_from(DecisionRow)) or 0
            unsent = session.scalar(
                select(func.count())
                .select_from(TradeRequestRow)
                .where(TradeRequestRow.status == ExecutionStatus.PENDING_EXECUTION)
            )
        if decided >= count and not unsent:
            return
        time.sleep(0.2)


def collect(database: Database, journal: Path, requests: Sequence[str]) -> Samples:
    """From each request's own time to each step of its first child order."""
    accepted = {
        record["orderLinkId"]: datetime.fromtimestamp(record["t"] / 1000).astimezone()
        for record in read_journal(journal)
        if record["kind"] == "create"
    }
    samples = Samples()
    with database.reading() as session:
        rows = session.execute(
            select(TradeRequestRow, DecisionRow, ChildOrderRow)
            .outerjoin(DecisionRow, DecisionRow.request_id == TradeRequestRow.request_id)
            .outerjoin(
                ChildOrderRow,
                (ChildOrderRow.request_id == TradeRequestRow.request_id)
                & (ChildOrderRow.slot == 0)
                & (ChildOrderRow.attempt == 0),
            )
            .where(TradeRequestRow.request_id.in_(requests))
        ).all()
    for request, decision, child in rows:
        if decision is not None:
            samples.decided[str(decision.verdict)] += 1
            samples.reasons.update(decision.decision["reasons"])
            samples.add("enqueue to decided", request.created_at, decision.decided_at)
        if child is not None:
            start, link_id = request.created_at, child.order_link_id
            samples.add("enqueue to written ahead", start, child.sent_at)
            samples.add("enqueue to exchange accepted", start, accepted.get(link_id))
            samples.add("enqueue to acknowledgement stored", start, child.acked_at)
    return samples


def quantile(values: Sequence[float], share: float) -> float:
    """Nearest rank: a value that was measured, never one between two."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def report(samples: Samples, sent: int, memory: Sequence[ProcessStatus]) -> None:
    waiting = sent - samples.decided.total()
    if waiting:
        samples.decided["still undecided"] = waiting
    counts = ", ".join(f"{name} {count}" for name, count in sorted(samples.decided.items()))
    print(f"requests: {sent} sent; {counts}")
    if samples.reasons:
        print("reasons: " + ", ".join(f"{n} {c}" for n, c in samples.reasons.most_common()))
    print(f"\n{'milliseconds':36}{'p50':>9}{'p99':>9}{'max':>9}{'n':>7}")
    for what, values in samples.milliseconds.items():
        if values:
            figures = (quantile(values, 0.5), quantile(values, 0.99), max(values))
            print(f"{what:36}" + "".join(f"{v:9.1f}" for v in figures) + f"{len(values):7}")
    print("\nmemory in MB (10^6 bytes), shared pages counted once")
    for status in memory:
        print(f"  {status.name:16}{status.memory_mb:8.0f}")
    print(f"  {'all':16}{sum(status.memory_mb for status in memory):8.0f}")


def measure(directory: Path, rate: float, seconds: float, warm_up_seconds: float) -> None:
    lift_limits(directory)
    with running_system(directory) as (supervisor, home):
        settings = load_settings(home.path)
        redis_url = settings.require_redis_url()
        database = Database(settings.require_database_url())
        wait_until_ready(database, redis_url)
        broker = outsider(redis_url)
        warm_up = send(broker, rate, warm_up_seconds)
        pinger = Pinger(redis_url, 1 / rate)
        pinger.start()
        measured = send(broker, rate, seconds)
        pinger.stop()
        memory = supervisor.status()
        wait_until_decided(database, len(warm_up) + len(measured))
        samples = collect(database, home.paper / topology.JOURNAL, measured)
        samples.milliseconds = {
            "empty task, round trip": pinger.milliseconds,
            **samples.milliseconds,
        }
        report(samples, len(measured), memory)
        broker.close()
        database.dispose()


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60, help="time measured (%(default)s)")
    parser.add_argument("--rate", type=float, default=10, help="requests a second (%(default)s)")
    parser.add_argument(
        "--warm-up-seconds", type=float, default=5, help="sent first, not counted (%(default)s)"
    )
    arguments = parser.parse_args()
    print(
        f"{platform.machine()}, {psutil.cpu_count()} processors, "
        f"load {os.getloadavg()[0]:.1f} before, Python {platform.python_version()}; "
        f"{arguments.rate:g} requests/s for {arguments.seconds:g} s"
    )
    with tempfile.TemporaryDirectory(prefix="mlrisk-bench-") as made:
        # The servers' unprivileged user must pass through it when we are root.
        Path(made).chmod(0o711)
        measure(Path(made), arguments.rate, arguments.seconds, arguments.warm_up_seconds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
