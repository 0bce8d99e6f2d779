"""Enqueue to exchange-accepted at a fixed rate, beside the round trip of an empty Celery task.

`make bench`, or `python -m benchmarks.pipeline_latency --seconds 60 --rate 10`. It starts a system
of its own (the processes of `mlrisk up`, without strategy), enqueues requests by name as an
outsider, and at the same rate sends empty tasks to the same validation worker. Requests are sent
open-loop: a slow answer delays no later one.
"""

import argparse
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from celery import Celery
from sqlalchemy import func, select

from benchmarks.support.whole_system import (
    PING,
    QUEUE,
    READY_SECONDS,
    REQUEST,
    SYMBOLS,
    machine,
    outsider,
    quantile,
    whole_system,
)
from models.database import Database
from models.enums import ExecutionStatus
from models.tables import ChildOrderRow, DecisionRow, TradeRequestRow
from paper_exchange.journal import read_journal
from tests.support.system import trade_request
from workers.supervision.programs.servers import JOURNAL
from workers.supervision.status import ProcessStatus

DRAIN_SECONDS = 20.0


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
    with whole_system(directory) as system:
        redis_url, database = system.redis_url, system.database
        broker = outsider(redis_url)
        warm_up = send(broker, rate, warm_up_seconds)
        pinger = Pinger(redis_url, 1 / rate)
        pinger.start()
        measured = send(broker, rate, seconds)
        pinger.stop()
        memory = system.supervisor.status()
        wait_until_decided(database, len(warm_up) + len(measured))
        samples = collect(database, system.home.paper / JOURNAL, measured)
        samples.milliseconds = {
            "empty task, round trip": pinger.milliseconds,
            **samples.milliseconds,
        }
        report(samples, len(measured), memory)
        broker.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60, help="time measured (%(default)s)")
    parser.add_argument("--rate", type=float, default=10, help="requests a second (%(default)s)")
    parser.add_argument(
        "--warm-up-seconds", type=float, default=5, help="sent first, not counted (%(default)s)"
    )
    arguments = parser.parse_args()
    print(f"{machine()}; {arguments.rate:g} requests/s for {arguments.seconds:g} s")
    with tempfile.TemporaryDirectory(prefix="mlrisk-bench-") as made:
        # The servers' unprivileged user must pass through it when we are root.
        Path(made).chmod(0o711)
        measure(Path(made), arguments.rate, arguments.seconds, arguments.warm_up_seconds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
