"""The exporter as a process: it answers while its servers hang, and a kill costs it nothing."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from tests.support.processes.exporting import ExporterProcess, counters_by_sql, counters_of
from tests.support.scene import ACCOUNT, Scene
from tests.support.services import PostgresServer, RedisServer, ServerProcess
from tests.support.waiting import PATIENCE_SECONDS, eventually
from workers.exporter.catalogue import SOURCES

pytestmark = pytest.mark.services


@pytest.fixture
def exporter(
    postgres: PostgresServer, scene: Scene, redis: RedisServer, tmp_path: Path
) -> Iterator[ExporterProcess]:
    scene.trade("r-1")
    scene.decide("r-2", predictions={"confidence": 0.1})
    url = postgres.logins(scene.database_url).exporter
    log = tmp_path / "exporter.log"
    found = ExporterProcess(url, redis.embedded.url(user="exporter"), ACCOUNT, log)
    yield found
    found.process.send_signal(signal.SIGTERM)
    assert found.process.wait(PATIENCE_SECONDS) == 0, log.read_text()


@contextmanager
def frozen(*servers: ServerProcess) -> Iterator[None]:
    """Stops the servers with all that they started, so that no connection is answered."""
    stopped = [
        process
        for server in servers
        for one in (psutil.Process(server.pid),)
        for process in (one, *one.children(recursive=True))
    ]
    try:
        for process in stopped:
            with suppress(psutil.NoSuchProcess):
                process.suspend()
        yield
    finally:
        for process in reversed(stopped):
            with suppress(psutil.NoSuchProcess):
                process.resume()


def test_it_answers_while_servers_hang_and_counts_the_same_after_a_kill(
    exporter: ExporterProcess, postgres: PostgresServer, redis: RedisServer, scene: Scene
) -> None:
    def is_old() -> bool:
        """Each answer comes although no server answers, and it says so."""
        found = exporter.metrics()
        return all(found[f"mlrisk_source_age_seconds {source}"] > 11 for source in SOURCES)

    eventually(exporter.is_up, "the first readings")
    before = counters_of(exporter.metrics())
    assert before == counters_by_sql(scene.db)
    assert exporter.metrics()["mlrisk_trading_allowed"] == 1
    with frozen(postgres, redis):
        eventually(is_old, "old readings")
        hanging = exporter.metrics()
        assert counters_of(hanging) == before
        assert hanging["mlrisk_trading_allowed"] == 0
        assert hanging["mlrisk_up redis"] == 0
    eventually(exporter.is_up, "readings again")
    exporter.kill_and_start()
    eventually(exporter.is_up, "the first readings of another process")
    assert counters_of(exporter.metrics()) == before
