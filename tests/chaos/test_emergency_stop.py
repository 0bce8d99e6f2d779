"""`mlrisk halt --flatten` and `mlrisk drill halt` on a whole system, also with Postgres gone."""

import json
import subprocess
import sys
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select

from bot.execution.orders.identity import is_direct_exit
from bot.safety.halting.journal import DIRECT_EXIT
from bot.state import halt_journal
from console.errors import ExitCode
from models.enums import TradingState
from models.repositories.safety import states
from models.tables import AuditRow
from tests.support.system import ROOT, MiniSystem, trade_request
from tests.support.waiting import START_SECONDS
from workers.supervision.ports import free_port

pytestmark = [pytest.mark.services, pytest.mark.long, pytest.mark.xdist_group("whole-system")]


def mlrisk(system: MiniSystem, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "console", *words],
        env={**system.env(), **env},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=START_SECONDS,
        check=False,
    )


def enter(system: MiniSystem) -> None:
    """A position, by a request as any other."""
    system.wait(system.market_ready, "the market")
    request = trade_request()
    outcome = system.outcome(request)
    assert outcome["verdict"] in ("allow", "shrink"), outcome
    system.wait(lambda: system.finished(request["request_id"]), "the trade")
    assert held(system) > 0


def held(system: MiniSystem) -> Decimal:
    """The position by the exchange's own record."""
    net = Decimal(0)
    for record in system.exchange.journal("fill"):
        sign = 1 if record["row"]["side"] == "Buy" else -1
        net += sign * Decimal(record["row"]["execQty"])
    return net


def state(system: MiniSystem) -> TradingState:
    with system.session() as session:
        found = {row.scope_kind: row.state for row in states.all_states(session)}
    return TradingState(found["global"])


def resume(system: MiniSystem) -> None:
    done = mlrisk(system, "resume", "--reason", "the test goes on")
    assert state(system) is TradingState.ACTIVE, done.stdout + done.stderr


def adding_after(system: MiniSystem, orders: int) -> list[dict[str, Any]]:
    """What adds risk among the orders that the exchange took after so many."""
    return [r for r in system.exchange.journal("create")[orders:] if not r["reduceOnly"]]


def test_a_halt_flattens_and_a_drill_measures_it_and_resumes(system: MiniSystem) -> None:
    enter(system)
    done = mlrisk(system, "halt", "--flatten", "--reason", "for real", "--json")
    report = json.loads(done.stdout)
    assert report["flat"]["flat_at"] is not None, done.stdout + done.stderr
    assert report["sealed_at"] is not None
    assert (held(system), state(system)) == (Decimal(0), TradingState.FLAT)
    resume(system)
    enter(system)
    done = mlrisk(system, "drill", "halt", "--resume", "--json")
    drill = json.loads(done.stdout)
    assert (done.returncode, drill["passed"]) == (ExitCode.OK, True), done.stdout + done.stderr
    assert (held(system), state(system)) == (Decimal(0), TradingState.ACTIVE)


def test_with_postgres_gone_positions_are_closed_at_the_exchange_and_recorded_later(
    system: MiniSystem,
) -> None:
    enter(system)
    away = f"postgresql+psycopg://x:x@127.0.0.1:{free_port()}/x"
    taken = len(system.exchange.journal("create"))
    # It has a database here, and might close the position first.
    system.workers["emergency"].kill()
    done = mlrisk(system, "halt", "--flatten", "--reason", "no db", MLRISK_DATABASE_URL=away)
    system.workers["emergency"].revive()
    assert done.returncode == ExitCode.DEPENDENCY_DOWN, done.stdout + done.stderr
    assert "HALTED by this home's journal" in done.stderr
    assert "FLAT: the exchange reports no position" in done.stderr
    assert held(system) == 0
    assert adding_after(system, taken) == []
    closing = [
        r for r in system.exchange.journal("create") if is_direct_exit(str(r["orderLinkId"]))
    ]
    assert closing
    assert all(r["reduceOnly"] for r in closing)
    system.wait(lambda: halt_journal.pending(system.home) is None, "the journal to be recorded")
    with system.session() as session:
        noted = set(session.scalars(select(AuditRow.subject).where(AuditRow.kind == DIRECT_EXIT)))
    assert {r["orderLinkId"] for r in closing} <= noted
    system.wait(lambda: state(system) is TradingState.FLAT, "the emergency worker to verify it")
    assert system.outcome(trade_request())["verdict"] == "deny"
    resume(system)
