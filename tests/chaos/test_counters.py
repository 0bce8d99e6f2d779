"""Ten `kill -9` of what counts and of what is counted: the exporter still says what SQL says.

A process that counts in its own memory loses its counts when it dies. The exporter adds up rows,
so that no death, of a worker or of itself, changes a counter.
"""

from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path

import pytest
from sqlalchemy import text

from config.identity import PAPER_ACCOUNT
from tests.support.processes.exporting import ExporterProcess, counters_by_sql, counters_of
from tests.support.services import PostgresServer
from tests.support.system import MiniSystem, mini_system, trade_request
from tests.support.waiting import eventually

pytestmark = [pytest.mark.services, pytest.mark.long]

KILLS = 10
KILLED = ("execution", "exporter", "feed", "validation", "monitoring")
"""Each dies twice."""

_UNDER_WAY = text(
    "SELECT (SELECT count(*) FROM parent_order WHERE finished_at IS NULL)"
    " + (SELECT count(*) FROM child_order WHERE final_at IS NULL)"
)


@pytest.fixture(scope="module")
def system(postgres: PostgresServer) -> Iterator[MiniSystem]:
    settings = {"MLRISK_LEASE_SECONDS": "8"}
    queues = ("validation", "execution", "monitoring")
    with mini_system(postgres, settings=settings, queues=queues) as running:
        yield running


@pytest.fixture
def exporter(
    system: MiniSystem, postgres: PostgresServer, tmp_path: Path
) -> Iterator[ExporterProcess]:
    url = postgres.logins(system.database_url).exporter
    redis = system.redis.embedded.url(user="exporter")
    found = ExporterProcess(url, redis, PAPER_ACCOUNT, tmp_path / "exporter.log")
    yield found
    found.kill()


def test_after_ten_kills_the_counters_of_the_exporter_are_those_of_sql(
    system: MiniSystem, exporter: ExporterProcess
) -> None:
    for name in islice(cycle(KILLED), KILLS):
        trade_and_be_denied(system)
        kill(system, exporter, name)
    trade_to_the_end(system)
    system.tend(lambda: under_way(system) == 0, "the trades to end", 240)

    eventually(exporter.is_up, "a reading of every source")
    differing = set(differences(system, exporter))
    if differing:  # the last rows are younger than the last reading
        eventually(lambda: not differences(system, exporter), f"equal counters: {differing}")
    counted = counters_of(exporter.metrics())
    assert counted == counters_by_sql(system.db)
    assert counted["mlrisk_decisions_total deny"] >= KILLS
    assert {name.split(" ")[0] for name in counted} >= {
        "mlrisk_trades_ended_total",
        "mlrisk_fills_total",
        "mlrisk_orders_ended_total",
    }


def trade_and_be_denied(system: MiniSystem) -> None:
    """One request whose trade is under way for some seconds, and one that is denied."""
    slow = {"algorithm": "twap", "horizon_seconds": 6, "interval_seconds": 2}
    system.outcome(trade_request(signal_data=slow))
    assert system.outcome(trade_request(ml_predictions={"confidence": 0.1}))["verdict"] == "deny"


def trade_to_the_end(system: MiniSystem) -> None:
    """The gate may refuse while the feed comes back."""

    def traded() -> bool:
        request = trade_request()
        if system.outcome(request)["verdict"] == "deny":
            return False
        name = str(request["request_id"])
        return bool(system.tend(lambda: system.finished(name), "a trade's end").filled_qty)

    eventually(traded, "a trade that fills")


def kill(system: MiniSystem, exporter: ExporterProcess, name: str) -> None:
    """`kill -9` of a process with all that it forked, and its start."""
    if name == "exporter":
        exporter.kill_and_start()
        return
    system.workers[name].kill()
    system.workers[name].start()
    if name != "feed":
        system.wait(lambda: system.consuming(name), f"{name} again")


def under_way(system: MiniSystem) -> int:
    """Trades and orders that have not ended."""
    with system.session() as session:
        return int(session.execute(_UNDER_WAY).scalar_one())


def differences(system: MiniSystem, exporter: ExporterProcess) -> dict[str, float]:
    """What the exporter and SQL say differently, as the exporter says it."""
    found, wanted = counters_of(exporter.metrics()), counters_by_sql(system.db)
    return dict(found.items() ^ wanted.items())
