"""A halt whose process is killed before its record gets its report from who goes on, once."""

import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from signal import SIGKILL

import pytest
from sqlalchemy import select

from bot.execution.orders.stopping import ParentStopper
from bot.safety.emergency import stop as emergency_stop
from bot.safety.emergency.stop import ACTOR, report_unfinished
from bot.safety.halting.flattening import STRATEGY
from bot.safety.halting.halt import HaltReach
from bot.safety.halting.report import REPORT, SIGNED_REPORT
from bot.safety.halting.unfinished import PATIENCE
from bot.safety.recovery.recovering import Authority, Recovering
from bot.state.scope import EVERYTHING
from models.enums import TradingState
from models.tables import AuditRow, TradingStateRow
from tests.support.accounts.exits import open_position
from tests.support.accounts.flattening import flattener
from tests.support.desk import ACCOUNT, Desk

pytestmark = pytest.mark.services

RESTING = {"position_size": "3000", "algorithm": "iceberg", "horizon_seconds": 120}
_KILLED = """
import os, signal, sys
from bot.clock import SystemClock
from bot.safety.halting.halt import HaltReach, TradingHalt
from models.database import Database

halt = TradingHalt(Database(sys.argv[1]), SystemClock())
report = halt.carry_out(halt.set_halted("drill", "me"), HaltReach(), actor="me")
assert report.sealed_at is not None, report.problems
os.kill(os.getpid(), signal.SIGKILL)
"""


def reports(desk: Desk) -> list[AuditRow]:
    with desk.db.reading() as session:
        asked = select(AuditRow).where(AuditRow.kind == REPORT).order_by(AuditRow.seq)
        return list(session.scalars(asked))


def halted_at(desk: Desk) -> str:
    with desk.db.reading() as session:
        return (
            session.scalars(select(AuditRow.at).where(AuditRow.kind == "halted")).one().isoformat()
        )


def killed_after_flattening(desk: Desk) -> None:
    """All steps of `mlrisk halt --flatten`, and no record."""
    assert open_position(desk) > 0
    latched = desk.trading_halt.set_halted("drill", "me", flatten=True)
    desk.trading_halt.carry_out(latched, HaltReach(cancel=True), actor="me")
    assert flattener(desk).flatten(EVERYTHING, actor="me").flat_at is not None


def patience_is_over(desk: Desk) -> None:
    desk.clock.move_to(desk.clock.now() + PATIENCE + timedelta(seconds=6))


def test_the_report_of_a_killed_flattening_is_written_once_from_what_is_stored(desk: Desk) -> None:
    killed_after_flattening(desk)
    # The process that halted may still be at it.
    assert report_unfinished(pytest.fail, desk.db, desk.clock.now()) == 0
    patience_is_over(desk)
    assert report_unfinished(lambda: desk.trading_halt, desk.db, desk.clock.now()) == 1
    assert report_unfinished(pytest.fail, desk.db, desk.clock.now()) == 0
    (found,) = reports(desk)
    said = found.payload
    assert (found.actor, said["halted_by"], said["reason"]) == (ACTOR, "me", "drill")
    assert (said["state"], said["latched_at"]) == (TradingState.FLAT, halted_at(desk))
    assert said["sealed_at"] is not None and said["clean_at"] is not None
    assert said["flat"]["flat_at"] is not None and said["flat"]["left"] == []
    (exit_,) = said["flat"]["requests"]
    assert exit_.startswith(f"{STRATEGY}.BTCUSDT.")
    with desk.db.reading() as session:
        assert session.scalars(select(TradingStateRow)).one().sealed_at is not None


def test_steps_that_a_killed_halt_left_are_taken(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen: sealed and then killed, so that nobody cancelled, because nothing was unsealed."""
    assert desk.approve(signal_data=RESTING)["verdict"] != "deny"
    desk.step()

    def dies(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(ParentStopper, "stop_all", dies)
        desk.trading_halt.halt(reason="drill", actor="me", cancel=True)
    assert emergency_stop.follow(pytest.fail, desk.db) == 0
    assert len(desk.exchange.open_orders()) == 1
    patience_is_over(desk)
    assert report_unfinished(lambda: desk.trading_halt, desk.db, desk.clock.now()) == 1
    assert desk.exchange.open_orders() == []
    (found,) = reports(desk)
    assert found.payload["parents_stopped"] == 1
    assert found.payload["last_pass"]["orders_cancelled"] == 1


def _resume(desk: Desk) -> None:
    desk.trading_halt.resume(reason="over", actor="ann", development=True)


def _recover(desk: Desk) -> None:
    service = Recovering(desk.db, ACCOUNT, desk.clock)
    authority = Authority("ann", is_free=True)
    service.ask(EVERYTHING, reason="over", authority=authority, needs_second=False)


@pytest.mark.parametrize("act", [_resume, _recover])
def test_who_ends_a_halt_without_a_report_writes_it_first(
    desk: Desk, act: Callable[[Desk], None]
) -> None:
    killed_after_flattening(desk)
    act(desk)
    (found,) = reports(desk)
    assert (found.actor, found.payload["state"]) == ("ann", TradingState.FLAT)
    assert found.payload["flat"]["flat_at"] is not None
    with desk.db.reading() as session:
        resumed = session.scalars(select(AuditRow).where(AuditRow.kind == "resumed")).first()
    assert resumed is not None and found.seq < resumed.seq


def test_a_halt_with_a_report_gets_no_second_one(desk: Desk) -> None:
    desk.trading_halt.halt(reason="drill", actor="me")
    patience_is_over(desk)
    assert report_unfinished(pytest.fail, desk.db, desk.clock.now()) == 0
    _resume(desk)
    desk.trading_halt.set_halted("again", "me")
    _resume(desk)
    first, second = reports(desk)
    assert (first.payload["problems"], second.payload["reason"]) == ([], "again")


def test_a_login_that_takes_longer_than_others_wait_signs_and_gives_no_second_report(
    desk: Desk,
) -> None:
    latched = desk.trading_halt.set_halted("drill", "me")
    seen = desk.trading_halt.carry_out(latched, HaltReach(), actor="me")
    patience_is_over(desk)
    assert report_unfinished(lambda: desk.trading_halt, desk.db, desk.clock.now()) == 1
    desk.trading_halt.record(seen, EVERYTHING, "ann")
    (found,) = reports(desk)
    assert found.actor == ACTOR
    with desk.db.reading() as session:
        signed = session.scalars(select(AuditRow).where(AuditRow.kind == SIGNED_REPORT)).one()
    assert (signed.actor, signed.payload["report"]["seq"]) == ("ann", found.seq)
    # The report of a later halt is a report again.
    _resume(desk)
    desk.trading_halt.halt(reason="another", actor="bob")
    assert [row.actor for row in reports(desk)] == [ACTOR, "bob"]


def test_a_command_that_is_killed_by_the_system_is_reported(desk: Desk, migrated_url: str) -> None:
    killed = subprocess.run(
        [sys.executable, "-c", _KILLED, migrated_url], capture_output=True, text=True, check=False
    )
    assert killed.returncode == -SIGKILL, killed.stderr
    assert reports(desk) == []
    with desk.db.reading() as session:
        since = session.scalars(select(TradingStateRow.changed_at)).one()
    now = since + PATIENCE + timedelta(minutes=1)
    assert report_unfinished(lambda: desk.trading_halt, desk.db, now) == 1
    (found,) = reports(desk)
    assert found.payload["halted_by"] == "me"
