"""What the dispatcher's tick and one claim cost while many children wait for their time.

`python -m benchmarks.dispatcher`. On a Postgres of its own, the same calls with nothing else
there, beside 10,000 and 100,000 children that are due hours later, and beside as many finished
ones. Costs are flat when the columns don't grow. Each load is measured as it was inserted, faster
than autovacuum looks at it, and again after ANALYZE; over one connection, so that plans which
were prepared for small tables meet large ones.

A tick finds nothing, or one child to wake. A claim is all of a sender's work for one child; the
exchange is in memory and answers at once.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from sqlalchemy import select, text, update

from benchmarks.support.whole_system import machine, quantiles
from bot.clock import SystemClock
from bot.decision.service import ApprovalPorts, ApprovalService
from bot.execution.ports import Deps, DispatcherOnly
from bot.execution.sending.claims import Claims, Lessee
from bot.execution.sending.dispatch import Dispatcher
from bot.execution.sending.sender import Sender, SendResult
from bot.risk.limits import RiskLimits
from models import migrate
from models.database import Database
from models.tables import ChildOrderRow
from tests.support.bulk import Bulk
from tests.support.fakes import FakeExchange, FakeLimits, FakeMarket, FreeRateLimiter, prepare
from tests.support.services import PostgresServer, postgres_server
from tests.support.system import trade_request

ACCOUNT = "paper"
CHILDREN_OF_A_PARENT = 100
_PLANNED = {"due_at": "now() + interval '3 hours' + n * interval '100 ms'", "wake_at": "NULL"}
_FINISHED = {"state": "'filled'", "sent_at": "now() - interval '1 hour'", "final_at": "now()"}
WIDE = replace(
    RiskLimits(),
    max_position_share=Decimal(1000),
    max_portfolio_risk=Decimal(1000),
    max_gross_exposure_share=Decimal(1000),
    max_net_exposure_share=Decimal(1000),
    max_correlated_share=Decimal(1000),
    concentration_free_share=Decimal(1000),
    max_orders_per_second=1_000_000,
    max_repeated_orders=1_000_000,
    max_portfolio_age_seconds=1e9,
)
"""Limits that the probes' own sum never reaches."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Milliseconds of each call beside one load: p50, p99 and the largest."""

    load: str
    empty_tick: dict[str, float]
    waking_tick: dict[str, float]
    claim: dict[str, float]


class Bench:
    """The services under measurement, and the tables around them."""

    def __init__(self, db: Database) -> None:
        self._db = db
        clock = SystemClock()
        # The fakes only ask what time it is.
        exchange = FakeExchange(clock)  # type: ignore[arg-type]
        market = FakeMarket(clock)  # type: ignore[arg-type]
        limits, horizon = FakeLimits(WIDE), timedelta(seconds=5)
        prepare(db, exchange, ACCOUNT, clock.now())
        deps = Deps(db, ACCOUNT, clock, DispatcherOnly(), exchange)
        self._approval = ApprovalService(deps, ApprovalPorts(market, limits), horizon=horizon)
        self._dispatcher = Dispatcher(deps, horizon=horizon, wake_timeout=timedelta(hours=1))
        rate_limiter = FreeRateLimiter()
        claims = Claims(
            deps,
            limits=limits,
            rate_limiter=rate_limiter,
            lessee=Lessee("benchmark", 60),
            pending_halt=lambda: None,
        )
        self._sender = Sender(
            deps, market=market, claims=claims, rate_limiter=rate_limiter, owner="benchmark"
        )
        self._bulk = Bulk(db, self._approve())

    def _approve(self) -> str:
        request = trade_request(signal_data={"position_size": "100"})
        outcome = self._approval.validate_and_execute(request)
        if outcome["verdict"] == "deny":
            raise RuntimeError(f"the probe was denied: {outcome['reasons']}")
        return str(request["request_id"])

    def add(self, children: int, changes: Mapping[str, str]) -> None:
        """Copies the model's parent and child, every column as in life but for the changes."""
        self._bulk.children(
            children,
            of_a_parent=CHILDREN_OF_A_PARENT,
            child={"deadline_at": "now() + interval '9 hours'", **changes},
            parent={},
        )

    def analyse(self) -> None:
        with self._db.autocommit_connection() as connection:
            connection.execute(text("ANALYZE"))

    def measure(self, load: str, times: int) -> Figures:
        empty, waking, claims = [], [], []
        for _ in range(times):
            empty.append(_milliseconds(self._dispatcher.tick, 0))
            child = self._unwoken_child()
            waking.append(_milliseconds(self._dispatcher.tick, 1))
            claims.append(
                _milliseconds(partial(self._sender.send, child, ACCOUNT), SendResult.SENT)
            )
        return Figures(load, quantiles(empty), quantiles(waking), quantiles(claims))

    def _unwoken_child(self) -> int:
        request_id = self._approve()
        child = ChildOrderRow
        with self._db.transaction() as session:
            session.execute(
                update(child).where(child.request_id == request_id).values(wake_at=None)
            )
            return session.scalars(
                select(child.child_id).where(child.request_id == request_id)
            ).one()


def _milliseconds(call: Callable[[], Any], expected: Any) -> float:
    start = time.perf_counter()
    answer = call()
    taken = (time.perf_counter() - start) * 1000
    if answer != expected:
        raise RuntimeError(f"{answer!r} where {expected!r} was expected: nothing was measured")
    return taken


def run(server: PostgresServer, times: int, children: int) -> list[Figures]:
    url = server.create_database()
    migrate.upgrade(url)
    db = Database(url, pool_size=2)
    bench = Bench(db)
    bench.measure("warm-up", 10)
    figures = [bench.measure("nothing", times)]
    tenth = children // 10
    for load, added, changes in (
        (f"{tenth:,} pending", tenth, _PLANNED),
        (f"{children:,} pending", children - tenth, _PLANNED),
        (f"{children:,} pending, {children:,} finished", children, _FINISHED),
    ):
        bench.add(added, changes)
        figures.append(bench.measure(load, times))
        bench.analyse()
        figures.append(bench.measure(f"{load}, analysed", times))
    db.dispose()
    return figures


def report(figures: list[Figures]) -> None:
    columns = ("empty tick", "tick that wakes one", "claim and send")
    print(f"{'milliseconds, p50 and p99':46}" + "".join(f"{name:>22}" for name in columns))
    for row in figures:
        cells = (row.empty_tick, row.waking_tick, row.claim)
        print(f"{row.load:46}" + "".join(f"{c['p50']:12.2f}{c['p99']:10.2f}" for c in cells))


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--times", type=int, default=60, help="calls of each kind (%(default)s)")
    parser.add_argument(
        "--children", type=int, default=100_000, help="the largest load (%(default)s)"
    )
    parser.add_argument("--json", action="store_true", help="print the figures as JSON alone")
    arguments = parser.parse_args()
    if not arguments.json:
        print(machine())
    with postgres_server() as server:
        figures = run(server, arguments.times, arguments.children)
    if arguments.json:
        print(json.dumps([asdict(row) for row in figures]))
    else:
        report(figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
