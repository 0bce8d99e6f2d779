"""docker-compose.yml in a real engine: trades, scaling, kills, stop and start with data kept.

The tests go in this order, each leaves the system working, and `make containers` runs them.
"""

from collections.abc import Iterator

import pytest

from tests.support.processes.containers import Containers, containers, service_of
from tests.support.waiting import START_SECONDS, eventually

pytestmark = [pytest.mark.services, pytest.mark.long, pytest.mark.timeout(900)]

WORKERS = ("worker-validation", "worker-execution", "worker-dispatch", "worker-sweeping")


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Containers]:
    with containers(tmp_path_factory.mktemp("compose")) as running:
        yield running


def more_fills(system: Containers) -> None:
    """Trades go on: a fill comes that was not there."""
    before = system.counts()["fill"]
    eventually(lambda: system.counts()["fill"] > before, "a fill", START_SECONDS)


def in_the_middle_of_trades(system: Containers) -> None:
    """Child orders are planned, being sent or at the exchange."""
    open_children = "SELECT 1 FROM parent_order WHERE state = 'working' LIMIT 1"
    eventually(lambda: system.sql(open_children), "a trade under way", START_SECONDS)


def content(system: Containers) -> None:
    """All is healthy, trades go on, and the doctor finds nothing."""
    system.wait_until_healthy()
    more_fills(system)
    try:
        eventually(system.doctor_is_content, "a content doctor", START_SECONDS)
    except AssertionError as error:
        error.add_note(str(system.mlrisk("doctor")))
        raise


def test_every_container_becomes_healthy_and_trades_are_filled(system: Containers) -> None:
    content(system)
    assert system.mlrisk("status")[0] == 0


def test_the_containers_of_a_scaled_service_share_its_work(system: Containers) -> None:
    system.up("--no-recreate", "--scale", "worker-execution=2", "--scale", "worker-validation=2")
    system.wait_until_healthy()
    hosts = {facts["Config"]["Hostname"] for facts in system.of("worker-execution")}
    assert len(hosts) == 2

    def both_sent() -> bool:
        done = system.tasks_done()
        return all(done[f"execution@{host}"]["tasks.execution"] for host in hosts)

    eventually(both_sent, "orders of both", START_SECONDS)
    content(system)


def test_processes_killed_in_the_middle_of_trades_come_back(system: Containers) -> None:
    for services in (WORKERS, ("feed", "beat"), ("redis",), ("postgres",)):
        in_the_middle_of_trades(system)
        before = {facts["Id"]: facts["RestartCount"] for s in services for facts in system.of(s)}
        for service in services:
            system.crash(service)
        eventually(
            lambda before=before: all(
                facts["RestartCount"] > before[facts["Id"]]
                for facts in system.facts()
                if facts["Id"] in before
            ),
            "the engine's restart",
        )
    content(system)


def test_a_power_cut_in_the_middle_of_trades_loses_nothing(system: Containers) -> None:
    in_the_middle_of_trades(system)
    before = system.counts()
    system.compose("kill")
    assert {facts["State"]["Status"] for facts in system.facts()} == {"exited"}
    system.up("--no-recreate")
    content(system)
    assert system.counts() >= before


def test_a_halt_in_a_container_stops_and_a_resume_starts_again(system: Containers) -> None:
    in_the_middle_of_trades(system)
    status, told = system.mlrisk("halt", "--reason", "proof", "--cancel")
    assert status == 0, told
    assert system.mlrisk("status")[0] == 4
    adding = "SELECT count(*) FROM child_order WHERE NOT reduce_only AND sent_at IS NOT NULL"
    sent, asked = system.sql(adding), system.counts()["decision"]
    eventually(lambda: system.counts()["decision"] > asked + 2, "further decisions")
    assert system.sql(adding) == sent
    status, told = system.mlrisk("resume", "--reason", "proof")
    assert status == 0, told
    content(system)


def test_a_stop_is_clean_and_the_next_start_has_all_data(system: Containers) -> None:
    in_the_middle_of_trades(system)
    system.compose("stop")
    ended = {facts["Name"]: facts["State"]["ExitCode"] for facts in system.facts()}
    assert set(ended.values()) == {0}, ended
    system.up()
    system.wait_until_healthy()
    before = system.counts()
    assert before["decision"] > 0
    system.compose("down")
    assert not system.facts()
    system.up()
    system.wait_until_healthy()
    assert system.counts() >= before
    assert {service_of(facts) for facts in system.facts()} >= {"postgres", "redis", "feed"}
    content(system)
