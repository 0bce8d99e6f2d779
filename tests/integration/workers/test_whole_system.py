"""Everything that `mlrisk up` starts on one machine, as processes."""

import base64
import json
import signal
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from celery import Celery
from sqlalchemy import select

from config.celery import WORKERS
from config.settings import load_settings
from models.database import Database
from models.provisioning import provision
from models.tables import AuditRow
from tests.support.services import refusals
from tests.support.waiting import PATIENCE_SECONDS, eventually
from workers.celery.cleaning import KIND
from workers.embedded import acl
from workers.home import Home
from workers.supervision import topology
from workers.supervision.processes import is_running
from workers.supervision.programs.consoles import flower_login
from workers.supervision.programs.starting import SERVERS
from workers.supervision.supervisor import Supervisor
from workers.supervision.topology import Options, Topology

pytestmark = [pytest.mark.services, pytest.mark.timeout(480)]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture
def running(home: Home) -> Iterator[tuple[Supervisor, Topology]]:
    """A system with a synthetic market and without a strategy."""
    home.create()
    options = Options(
        symbols=("BTCUSDT",),
        paper_arguments=("--market", "synthetic"),
        concurrency={},
    )
    built = topology.build(home, options)
    built.prepare()
    supervisor = Supervisor(home)

    def open_doors() -> None:
        provision(built.create_database())
        home.write_environment(built.environment)

    supervisor.start(built.specs, after_stage={SERVERS: open_doors})
    yield supervisor, built
    if supervisor.is_alive():
        supervisor.shutdown()


def _status_code(url: str, login: tuple[str, str] | None = None) -> int:
    request = urllib.request.Request(url)
    if login is not None:
        token = base64.b64encode(":".join(login).encode()).decode()
        request.add_header("Authorization", f"Basic {token}")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=5) as reply:
            return int(reply.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code
    except (urllib.error.URLError, ConnectionError):
        return 0


def _who_has_flowers_password_stops_nobody(url: str) -> None:
    """He tells all workers what Flower's buttons do: they answer, and work on as before."""
    orders: dict[str, dict[str, Any]] = {
        "cancel_consumer": {"queue": "validation"},
        "pool_shrink": {"n": 1},
        "autoscale": {"max": 1, "min": 0},
        "rate_limit": {"task_name": "tasks.execution.send_child", "rate_limit": "1/h"},
        "time_limit": {"task_name": "tasks.execution.send_child", "hard": 1},
        "shutdown": {},
    }
    with Celery(broker=url, set_as_current=False) as flower:
        flower.conf.broker_transport_options = {"ack_emulation": False}
        # It waits until all have answered.
        asking = flower.control.inspect(timeout=PATIENCE_SECONDS, limit=len(WORKERS))

        def facts() -> dict[str, tuple[set[str], int]]:
            queues, stats = asking.active_queues(), asking.stats()
            return {
                name: (
                    {queue["name"] for queue in queues[name]},
                    stats[name]["pool"]["max-concurrency"],
                )
                for name in queues
            }

        before = facts()
        assert len(before) == len(WORKERS)
        for order, arguments in orders.items():
            flower.control.broadcast(order, arguments=arguments)
        assert facts() == before


@pytest.mark.long
def test_all_processes_serve_survive_their_servers_deaths_and_stop_cleanly(
    running: tuple[Supervisor, Topology], home: Home
) -> None:
    supervisor, built = running
    family = [psutil.Process(supervisor.pid), *psutil.Process(supervisor.pid).children(True)]
    settings = load_settings(home.path)
    client = Celery(broker=settings.require_redis_url(), set_as_current=False)

    def all_workers_answer() -> bool:
        try:
            replies = client.control.ping(timeout=1.0)
        except client.connection().connection_errors:
            return False  # the first call after a broker's restart meets the old connection
        names = {name.partition("@")[0] for reply in replies for name in reply}
        return names == set(WORKERS)

    def all_run() -> bool:
        return all(each.state == "RUNNING" for each in supervisor.status())

    eventually(all_workers_answer)
    eventually(all_run)
    assert built.postgres is not None
    assert built.redis is not None

    flower = f"http://127.0.0.1:{home.known_ports()['flower']}"
    eventually(lambda: _status_code(f"{flower}/workers") == 401)
    assert _status_code(f"{flower}/workers", flower_login(home)) == 200
    assert _status_code(f"{settings.require_exchange_url()}/v5/market/time") == 200

    for page in ("broker", "tasks"):
        assert _status_code(f"{flower}/{page}", flower_login(home)) == 200
    _who_has_flowers_password_stops_nobody(built.redis.url(user=acl.FLOWER))
    assert refusals(built.redis) == []  # no process lacks what it needs

    for server, ready in (("redis", built.redis.is_ready), ("postgres", built.postgres.is_ready)):
        supervisor.signal(server, signal.SIGKILL)
        eventually(lambda: not any(each.pid is None for each in supervisor.status()))
        eventually(ready)
    eventually(lambda: all_workers_answer() and all_run())
    assert refusals(built.redis) == []

    # Every process has looked through Redis at its start, and all of it was ours.
    database = Database(settings.require_database_url())
    with database.reading() as session:
        assert session.scalars(select(AuditRow.payload).where(AuditRow.kind == KIND)).all() == []
    database.dispose()

    family += [p for p in psutil.Process(supervisor.pid).children(True) if p not in family]
    assert supervisor.shutdown()
    assert not any(is_running(process) for process in family)
    assert json.loads((home.run / "ports.json").read_text(encoding="utf-8")) == home.known_ports()
    assert load_settings(home.path).redis_url is None
    client.close()
