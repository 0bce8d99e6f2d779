"""The real thing: Postgres, Redis, Celery workers as processes, paper exchange, an outsider.

Each test leaves the system working; what the exchange accepted is read from its own journal.
"""

import math
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import psutil
import pytest
from pybit.unified_trading import HTTP
from sqlalchemy import select

from bot.execution.orders.identity import STOP_PREFIX
from bot.risk import MLTradeRequest
from models.audit import chains, verify_chain
from models.enums import ChildState, ExecutionStatus, ParentState
from models.tables import ChildOrderRow, ProtectiveStopRow
from tests.support.api import new_token
from tests.support.documents.seed_document import (
    BASIC_SETUP,
    RETURNS,
    TRADE_EXECUTION,
    in_a_notebook,
)
from tests.support.repository import code_blocks
from tests.support.system import ROOT, MiniSystem, Worker, some_size, trade_request
from tests.support.waiting import START_SECONDS
from workers.supervision.ports import free_port

pytestmark = [pytest.mark.services, pytest.mark.xdist_group("whole-system")]
D = Decimal


def twap_request(seconds: float = 6, interval: float = 1.0, **changes: Any) -> dict[str, Any]:
    signal_data = {
        "position_size": some_size(),
        "algorithm": "twap",
        "horizon_seconds": seconds,
        "interval_seconds": interval,
    }
    return trade_request(**{"signal_data": signal_data, **changes})


def in_pandas() -> dict[str, dict[str, Any]]:
    """What the document's third sample is given, held as pandas holds it."""
    return {
        "signal_data": {"side": "buy", "position_size": some_size(), "signal_strength": 0.75},
        "ml_predictions": {
            "confidence": 0.95,
            "uncertainty": 0.05,
            "ensemble_agreement": 0.95,
            "stability": 0.95,
            "feature_importance_score": 0.9,
        },
        "market_data": {
            "volatility": 0.025,
            "volume": 1000000,
            "portfolio_value": 100000,
            "returns": pd.Series([math.nan, *RETURNS]),
        },
    }


def approved(system: MiniSystem, request: dict[str, Any]) -> None:
    system.wait(system.market_ready, "the market")
    outcome = system.outcome(request)
    assert outcome["verdict"] in ("allow", "shrink"), outcome


def accepted(system: MiniSystem, request_id: str) -> Counter[str]:
    """How often the exchange accepted each child of a request."""
    ours = {child.order_link_id for child in system.children(request_id)}
    return Counter(
        str(record["orderLinkId"])
        for record in system.exchange.journal("create")
        if record["orderLinkId"] in ours
    )


def assert_each_child_once(system: MiniSystem, request_id: str) -> None:
    """I2 and I3 against the exchange's own record."""
    parent = system.parent(request_id)
    assert parent is not None
    counts = accepted(system, request_id)
    assert set(counts.values()) <= {1}, counts
    filled = sum(
        (
            D(record["row"]["execQty"])
            for record in system.exchange.journal("fill")
            if record["row"]["orderLinkId"] in counts
        ),
        D(0),
    )
    assert filled == parent.filled_qty
    assert parent.filled_qty + parent.released_qty == parent.approved_qty


def completed(system: MiniSystem, request_id: str) -> None:
    parent = system.wait(lambda: system.finished(request_id), "the parent to end")
    assert parent.state == ParentState.COMPLETED, (parent.state, parent.end_reason)
    assert_each_child_once(system, request_id)


def pool_children(system: MiniSystem, name: str) -> Sequence[psutil.Process]:
    process = system.workers[name].process
    assert process is not None
    return psutil.Process(process.pid).children(recursive=True)


def test_an_outsiders_request_is_decided_sent_and_filled(system: MiniSystem) -> None:
    request = trade_request()
    approved(system, request)
    completed(system, request["request_id"])
    row = system.request_row(request["request_id"])
    assert row is not None
    assert row.status == ExecutionStatus.EXECUTED_SUCCESSFULLY


def test_the_seeds_sample_runs_through_the_pipeline(system: MiniSystem) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "examples.seed_sample"],
        env=system.env(),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=START_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1].endswith(ExecutionStatus.EXECUTED_SUCCESSFULLY.value)


@pytest.mark.parametrize("session", [None, HTTP(testnet=True)], ids=["none", "pybit"])
async def test_the_documents_pipeline_runs_as_written_with_a_series(
    system: MiniSystem, monkeypatch: pytest.MonkeyPatch, session: HTTP | None
) -> None:
    """1. Basic Setup and 3. Trade Execution, with a pybit session or nothing as client."""
    for name, value in system.env().items():
        monkeypatch.setenv(name, value)
    system.wait(system.market_ready, "the market")
    names = await in_a_notebook(BASIC_SETUP, bybit_client=session)
    pipeline = names["execution_pipeline"]
    names |= await in_a_notebook(TRADE_EXECUTION, **names, **in_pandas())
    request_id = names["request_id"]
    assert names["status"]["request_id"] == request_id
    parent = system.wait(lambda: system.finished(request_id), "its end")
    assert parent.filled_qty > 0, (parent.end_reason, system.all_logs())
    status = await pipeline.get_execution_status(request_id)
    assert status["request_id"] == pipeline.get_execution_status(request_id)["request_id"]
    assert ExecutionStatus(status["status"])
    row = system.request_row(request_id)
    assert row is not None
    assert row.payload["market_data"]["returns"] == [None, *RETURNS]
    pipeline.close()


def test_a_series_is_sent_as_a_message_and_a_hole_in_it_is_refused(system: MiniSystem) -> None:
    given = in_pandas()
    request = trade_request(symbol="ETHUSDT")
    message = MLTradeRequest(**{**request, "market_data": given["market_data"]})
    approved(system, message.model_dump(mode="json"))
    broken = trade_request(market_data={"returns": [0.01, math.nan, 0.02]})
    outcome = system.outcome(broken)
    assert outcome["verdict"] == "deny"
    assert [field["field"] for field in outcome["error"]["fields"]] == ["market_data.returns.1"]


def test_a_request_by_http_is_decided_once_and_the_documents_examples_run(
    system: MiniSystem, tmp_path: Path
) -> None:
    request = trade_request()
    token = new_token(system.db, "strategy", "test").token
    said = {"authorization": f"Bearer {token}"}
    system.wait(system.market_ready, "the market")
    with web_process(system) as (address, env), httpx.Client(trust_env=False) as client:
        sent = client.post(f"{address}/requests", json=request, headers=said)
        assert sent.status_code == 202, sent.text
        place = f"{address}/requests/{request['request_id']}"

        def decided() -> dict[str, Any] | None:
            answer = client.get(place, headers=said)
            found: dict[str, Any] = answer.json()
            return found if answer.status_code == 200 and found["verdict"] else None

        found = system.wait(decided, "the decision")
        again = client.post(f"{address}/requests", json=request, headers=said)
        assert again.content == sent.content
        # As a message it is the same request.
        assert system.outcome(request)["repeated"] is True
        assert found["verdict"] in ("allow", "shrink"), found
        completed(system, request["request_id"])
        _run_the_examples(address, env, tmp_path)
    shell(
        "resume", "--scope", "strategy:momentum", "--reason", "the examples are over", system=system
    )
    row = system.request_row("momentum-1")
    assert row is not None and row.strategy == "momentum"


@contextmanager
def web_process(system: MiniSystem) -> Iterator[tuple[str, dict[str, str]]]:
    """The console's process; the interface's address, and what the owner's shell is told."""
    logins = system.postgres.logins(system.database_url)
    port = free_port()
    env = system.env() | {"MLRISK_OPERATOR_DATABASE_URL": logins.operator}
    command = [sys.executable, "-m", "console.web.main", "--port", str(port)]
    viewing = env | {"MLRISK_DATABASE_URL": logins.of_viewer}
    process = Worker("web", command, viewing, system.home / "web.log")
    process.start()
    try:
        address = f"http://127.0.0.1:{port}"
        with httpx.Client(trust_env=False) as client:

            def answers() -> bool:
                try:
                    return client.get(f"{address}/healthz").status_code == 200
                except httpx.TransportError:
                    return False

            system.wait(answers, "the console")
        yield f"{address}/api/v1", env
    finally:
        process.stop()


def _run_the_examples(address: str, env: dict[str, str], place: Path) -> None:
    """The commands of docs/api.md, one after the other, as a person types them."""
    commands = "\n".join(code_blocks("docs/api.md", "sh"))
    assert commands.count("http://127.0.0.1:8098/api/v1") == 1
    script = commands.replace("http://127.0.0.1:8098/api/v1", address)
    mlrisk = f'mlrisk() {{ PYTHONPATH={ROOT} {sys.executable} -m console "$@"; }}\n'
    done = subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", mlrisk + script],
        cwd=place,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert '"state":"halted"' in done.stdout


def test_a_twap_sends_every_slice_in_time(system: MiniSystem) -> None:
    request = twap_request(8, 1.0, symbol="ETHUSDT")
    approved(system, request)
    completed(system, request["request_id"])
    assert len(accepted(system, request["request_id"])) == 8


def test_the_same_request_sent_twice_gives_one_parent(system: MiniSystem) -> None:
    request = trade_request(symbol="ETHUSDT")
    tasks = [system.send(request) for _ in range(3)]
    outcomes = [system.result(task) for task in tasks]
    assert sorted(o["repeated"] for o in outcomes) == [False, True, True]
    completed(system, request["request_id"])
    assert len(accepted(system, request["request_id"])) == 1


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"signal_data": {"position_size": "NaN"}}, "signal_data.position_size"),
        ({"signal_data": {"position_size": "Infinity"}}, "signal_data.position_size"),
        ({"signal_data": {"position_size": "1e3"}}, "signal_data.position_size"),
        ({"created_at": "2026-11-23T12:00:00"}, "created_at"),
        ({"surprise": 1}, "surprise"),
        ({"request_id": "x" * 10_000}, "request_id"),
    ],
    ids=["nan", "infinity", "exponent", "naive-time", "unknown-field", "long-id"],
)
def test_a_bad_message_is_refused_by_name(
    system: MiniSystem, changes: dict[str, Any], field: str
) -> None:
    outcome = system.outcome(trade_request(**changes))
    assert [f["field"] for f in outcome["error"]["fields"]] == [field]


def test_kill_9_between_post_and_stored_outcome_leaves_exactly_one_order(
    system: MiniSystem,
) -> None:
    worker = system.workers["execution"]
    worker.stop()
    marker = system.home / "died-after-post"
    worker.start(MLRISK_FAILPOINT=f"after_post@{marker}")
    request = trade_request(symbol="ETHUSDT")
    approved(system, request)
    system.wait(marker.exists, "the worker's child to die after its POST")
    completed(system, request["request_id"])
    assert len(accepted(system, request["request_id"])) == 1
    worker.stop()
    worker.start()


@pytest.mark.long
def test_kill_9_of_the_whole_worker_while_it_sends_loses_and_doubles_nothing(
    system: MiniSystem,
) -> None:
    request = twap_request(40, 2.0)  # a worker's start on a busy machine is well inside it
    approved(system, request)
    system.wait(lambda: accepted(system, request["request_id"]), "the first slice")
    system.workers["execution"].kill()
    system.workers["execution"].start()
    completed(system, request["request_id"])


def test_a_killed_feed_loses_no_fill(system: MiniSystem) -> None:
    request = twap_request(4, 0.5, symbol="ETHUSDT")
    approved(system, request)
    system.workers["feed"].kill()
    time.sleep(1)
    system.workers["feed"].start()
    parent = system.wait(lambda: system.finished(request["request_id"]), "the parent to end")
    assert parent is not None
    assert_each_child_once(system, request["request_id"])


@pytest.mark.long
def test_flushall_in_the_middle_of_a_twap_loses_and_doubles_nothing(system: MiniSystem) -> None:
    request = twap_request(24, 2.0)
    approved(system, request)
    system.wait(lambda: accepted(system, request["request_id"]), "the first slice")
    system.redis.flushall()
    # Beat loses its lock with the flush and exits, as RedBeat does; the supervisor's part here:
    system.wait(lambda: _revive(system, "beat") or system.finished(request["request_id"]), "")
    completed(system, request["request_id"])
    _revive(system, "beat")


def _revive(system: MiniSystem, name: str) -> None:
    if not system.workers[name].alive:
        system.workers[name].stop()
        system.workers[name].start()


def test_redis_killed_while_tasks_run_and_work_goes_on(
    system: MiniSystem,
) -> None:
    """5.7.0's worker exits here; ours must live, and every child must go out once."""
    request = twap_request(20, 0.75, symbol="ETHUSDT")
    approved(system, request)
    system.wait(lambda: len(accepted(system, request["request_id"])) >= 3, "three slices")
    before = {name: w.process.pid for name, w in system.workers.items() if w.process}
    system.redis.kill()
    time.sleep(1.5)
    system.redis.start()
    sent = len(accepted(system, request["request_id"]))
    system.wait(
        lambda: _revive(system, "beat") or len(accepted(system, request["request_id"])) > sent,
        "work to go on",
    )
    for name in ("validation", "execution", "monitoring", "emergency"):
        worker = system.workers[name]
        assert worker.alive, system.logs(name)
        assert worker.process is not None
        assert worker.process.pid == before[name]
    completed(system, request["request_id"])


def test_faults_of_the_exchange_leave_each_child_one_order(system: MiniSystem) -> None:
    """Lost acks, errors with effect, resets: each child is at the exchange at most once."""
    faults = ["drop_after:order/create:n=1", "code_10000_effect:order/create:n=1"]
    for fault in faults:
        name, _, rest = fault.partition(":")
        endpoint, _, times = rest.partition(":n=")
        system.exchange.control(
            "POST", "faults", {"name": name, "endpoint": endpoint, "n": int(times)}
        )
    request = twap_request(4, 1.0, symbol="ETHUSDT")
    approved(system, request)
    system.wait(lambda: system.finished(request["request_id"]), "the parent to end")
    assert_each_child_once(system, request["request_id"])


def test_an_emergency_exit_goes_out_while_the_execution_worker_is_dead(
    system: MiniSystem,
) -> None:
    """Its queue and worker are its own: an exit is never behind what keeps the others busy."""
    opening = trade_request(symbol="ETHUSDT")
    approved(system, opening)
    completed(system, opening["request_id"])
    system.workers["execution"].kill()
    exit_request = trade_request(
        symbol="ETHUSDT",
        side="sell",
        priority="emergency",
        signal_data={**opening["signal_data"], "reduce_only": True},
    )
    approved(system, exit_request)
    completed(system, exit_request["request_id"])
    system.workers["execution"].start()


def _orders_sent(system: MiniSystem) -> list[str]:
    """The ids of all orders that the exchange took, without protective stops."""
    links = [str(record["orderLinkId"]) for record in system.exchange.journal("create")]
    return [link for link in links if not link.startswith(STOP_PREFIX)]


def test_halt_from_the_shell_stops_everything_and_survives_a_restart(system: MiniSystem) -> None:
    request = twap_request(30, 1.0)
    approved(system, request)
    system.wait(lambda: accepted(system, request["request_id"]), "the first slice")
    shell("halt", "--reason", "test", system=system)
    count = len(_orders_sent(system))
    for name in ("validation", "execution"):
        system.workers[name].stop(signal.SIGKILL)
        system.workers[name].start()
    denied = system.outcome(trade_request())
    assert denied["verdict"] == "deny"
    assert "emergency_stop_active" in denied["reasons"] or "trading_state" in denied["reasons"]
    assert len(_orders_sent(system)) == count
    parent = system.wait(lambda: system.finished(request["request_id"]), "the parent to end")
    assert parent.filled_qty + parent.released_qty == parent.approved_qty
    shell("resume", "--reason", "test over", system=system)
    again = trade_request()
    approved(system, again)
    completed(system, again["request_id"])


def shell(*arguments: str, system: MiniSystem) -> str:
    """An operator's command in another process."""
    done = subprocess.run(
        [sys.executable, "-m", "console", *arguments],
        env=system.env(),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=START_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_afterwards_every_book_agrees_and_the_chains_verify(system: MiniSystem) -> None:
    """Last of this module: after all of the above, ours and the exchange's books are the same."""
    system.wait(lambda: all(ChildState(c.state).is_final for c in _all_children(system)), "rest")
    theirs = {record["row"]["execId"] for record in system.exchange.journal("fill")}
    system.wait(lambda: {f.exec_id for f in system.fills()} == theirs, "the same fills")
    links = Counter(r["orderLinkId"] for r in system.exchange.journal("create"))
    assert set(links.values()) == {1}
    with system.db.transaction() as session:
        stops = set(session.scalars(select(ProtectiveStopRow.order_link_id)))
        assert set(links) <= {child.order_link_id for child in _all_children(system)} | stops
        assert [p for name in chains(session) for p in verify_chain(session, name).problems] == []


def _all_children(system: MiniSystem) -> Sequence[Any]:
    with system.session() as session:
        return session.scalars(select(ChildOrderRow)).all()
