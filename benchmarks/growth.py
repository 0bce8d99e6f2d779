"""What the work that is done again and again costs while the past grows.

`python -m benchmarks.growth`. On a Postgres of its own, the same calls beside a past of 10,000 and
of a million finished children with their requests, decisions, reservations, parents and fills, and
beside 1,000 schedules of 100 children under way. Costs are flat when the columns don't grow. The
exchange is in memory and answers at once.

A parent's step is measured with as many finished children of its own as 10 and 20,000.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from itertools import count
from typing import Any

from benchmarks.support.whole_system import machine, quantiles
from bot.account import reservations
from bot.execution.working.parent_worker import StepResult
from console.views.live import queries
from models import migrate
from models.audit import AuditDraft, append_entries
from models.audit_progress import verify_on
from models.database import Database
from models.repositories.trading import tallies
from tests.support.bulk import PARENT_UNDER_WAY, PLANNED_CHILD, Bulk
from tests.support.desk import ACCOUNT, Desk
from tests.support.fakes import T0
from tests.support.services import postgres_server

Figures = dict[str, dict[str, float]]
BLOCK = 100_000
"""Children that are inserted by one statement."""


class Bench:
    """One account's services on one database that is made to grow."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._desk = Desk(db)
        self._numbers = count()
        self._desk.limits.change(max_orders_per_second=1_000_000, max_repeated_orders=1_000_000)
        if self._desk.approve("model")["verdict"] == "deny":
            raise RuntimeError("the model trade was denied")
        self._desk.send_due()
        self._desk.stream()
        self._desk.exchange.fills.clear()
        self._desk.exchange.orders.clear()
        self._bulk = Bulk(db, "model")

    def grow(self, children: int) -> None:
        """Adds a past."""
        for done in range(0, children, BLOCK):
            self._bulk.children(min(BLOCK, children - done))
            self._bulk.fills()
        with self._db.transaction() as session:
            tallies.fold(session)
        self._bulk.analyse()

    def schedules(self, number: int) -> None:
        """Adds schedules of 100 children under way."""
        self._bulk.children(number * 100, child=PLANNED_CHILD, parent=PARENT_UNDER_WAY)
        self._bulk.analyse()

    def measure(self, times: int) -> Figures:
        """Milliseconds of each call: p50, p99 and the largest."""
        desk = self._desk
        calls: dict[str, Callable[[], Any]] = {
            "dispatch": desk.dispatcher.tick,
            "expire overdue": desk.reconciler.expire_overdue,
            "look up silent children": lambda: desk.reconciler.resolve_all(
                older_than=timedelta(seconds=1)
            ),
            "look again for given up": desk.reconciler.recheck_expired,
            "pace parents": desk.throttling.tick,
            "rebuild reservations": self._rebuild,
            "decide": self._decide,
            "screen": self._screen,
        }
        return {
            name: quantiles([_timed(call) for _ in range(times)]) for name, call in calls.items()
        }

    def measure_steps(self, own_past: int, times: int) -> dict[str, float]:
        """A step of a parent that has had so many children."""
        name = f"iceberg-{own_past}"
        signal = {"position_size": "100", "algorithm": "iceberg", "display_size": "50"}
        if self._desk.approve(name, signal_data=signal)["verdict"] == "deny":
            raise RuntimeError("the iceberg was denied")
        self._desk.worker.step(name)
        self._bulk.past_children(name, own_past)
        self._bulk.analyse()
        return quantiles([_timed(lambda: self._step(name)) for _ in range(times)])

    def measure_audit(self, entries: int) -> float:
        """Milliseconds of one run after a chain with so many new entries was written."""
        chain = f"chain-{entries}"
        for first in range(0, entries, 5_000):
            drafts = [
                AuditDraft(chain, "note", f"s-{n}", "bench", {"n": n}, T0)
                for n in range(first, min(entries, first + 5_000))
            ]
            with self._db.transaction() as session:
                append_entries(session, drafts)
        with self._db.transaction() as session:
            start = time.perf_counter()
            verify_on(session, T0)
            return (time.perf_counter() - start) * 1000

    def _rebuild(self) -> None:
        reservations.rebuild(self._db, ACCOUNT, self._desk.clock, self._desk.exchange)

    def _decide(self) -> None:
        answer = self._desk.approve(
            f"fresh-{next(self._numbers)}", signal_data={"position_size": "100"}
        )
        if answer["verdict"] == "deny":
            raise RuntimeError(f"the probe was denied: {answer['reasons']}")

    def _screen(self) -> None:
        with self._db.reading() as session:
            queries.live(session, ACCOUNT)

    def _step(self, name: str) -> None:
        self._desk.pass_time(1)
        if self._desk.worker.step(name) is not StepResult.STEPPED:
            raise RuntimeError("the step was not due: nothing was measured")


def _timed(call: Callable[[], Any]) -> float:
    start = time.perf_counter()
    call()
    return (time.perf_counter() - start) * 1000


def run(url: str, sizes: list[int], times: int, schedules: int) -> dict[str, Figures]:
    db = Database(url, pool_size=2)
    bench = Bench(db)
    bench.measure(5)
    figures: dict[str, Figures] = {}
    had = 0
    for size in sizes:
        bench.grow(size - had)
        had = size
        figures[f"{size:,} children"] = bench.measure(times)
    steps = {str(own): bench.measure_steps(own, times) for own in (10, 20_000)}
    bench.schedules(schedules)
    figures[f"and {schedules:,} schedules"] = bench.measure(times)
    figures["a step, by children of its own"] = steps
    audit = {str(n): {"p50": bench.measure_audit(n)} for n in (1_000, 20_000, 100_000)}
    figures["one verification, by entries"] = audit
    db.dispose()
    return figures


def report(figures: dict[str, Figures]) -> None:
    """One line for each call, one column for each load."""
    loads = [name for name, rows in figures.items() if "decide" in rows]
    print(f"{'milliseconds, p50 and p99':28}" + "".join(f"{load:>22}" for load in loads))
    for call in figures[loads[0]]:
        cells = (figures[load][call] for load in loads)
        print(f"{call:28}" + "".join(f"{c['p50']:12.2f}{c['p99']:10.2f}" for c in cells))
    for name, rows in figures.items():
        if name not in loads:
            print(f"{name}: " + ", ".join(f"{n}: {c['p50']:.2f} ms" for n, c in rows.items()))


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--times", type=int, default=30, help="calls of each kind (%(default)s)")
    parser.add_argument(
        "--sizes", type=int, nargs="+", default=[10_000, 1_000_000], help="finished children"
    )
    parser.add_argument("--schedules", type=int, default=1_000, help="under way (%(default)s)")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON alone")
    arguments = parser.parse_args()
    if not arguments.json:
        print(machine())
    with postgres_server() as server:
        url = server.create_database()
        migrate.upgrade(url)
        figures = run(url, sorted(arguments.sizes), arguments.times, arguments.schedules)
    if arguments.json:
        print(json.dumps(figures))
    else:
        report(figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
