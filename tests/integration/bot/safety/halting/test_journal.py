"""A halt without Postgres: it stops entries by its file, and Postgres learns of it later."""

from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from bot.execution.sending.sender import SendResult
from bot.safety.halting import journal as halt_journal
from bot.state.halt_journal import JournalledExit, JournalledHalt, write
from models.database import Database
from models.enums import TradingState
from models.repositories.safety import states
from models.tables import AuditRow
from tests.support.accounts.exits import ask_exit, open_position
from tests.support.desk import ACCOUNT, Desk
from workers.supervision.ports import free_port

pytestmark = pytest.mark.services


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "run").mkdir()
    return tmp_path


def _halt(desk: Desk, scope: str = "global") -> JournalledHalt:
    return JournalledHalt(desk.clock.now(), "me", "drill", scope, cancel=True)


def _state(desk: Desk, kind: str) -> TradingState:
    with desk.db.reading() as session:
        found = {row.scope_kind: row.state for row in states.all_states(session)}
    return TradingState(found[kind])


def test_a_pending_journal_stops_entries_at_their_claim_and_lets_exits_go(desk: Desk) -> None:
    open_position(desk)
    desk.approve("entry-2")
    desk.pending_halt = "a halt that Postgres doesn't know yet"
    (entry,) = desk.children("entry-2")
    assert desk.sender.send(entry.child_id, ACCOUNT) is SendResult.STOPPED
    assert ask_exit(desk)["verdict"] != "deny"
    (exit_,) = desk.children("exit")
    assert desk.sender.send(exit_.child_id, ACCOUNT) is SendResult.SENT


def test_a_pending_journal_denies_entries_at_the_gate(desk: Desk) -> None:
    desk.pending_halt = "a halt that Postgres doesn't know yet"
    assert desk.approve("entry")["verdict"] == "deny"


def test_a_journalled_halt_is_recorded_once_and_the_file_is_gone(desk: Desk, home: Path) -> None:
    write(home, _halt(desk))
    write(home, _halt(desk, "symbol:BTCUSDT"))
    assert halt_journal.record(desk.db, home, desk.clock) == 2
    assert halt_journal.pending(home) is None
    assert (_state(desk, "global"), _state(desk, "symbol")) == ("halted", "halted")
    assert desk.audit_kinds().count("halted") == 2
    assert halt_journal.record(desk.db, home, desk.clock) == 0


def test_a_halt_that_flattens_is_recorded_so_and_its_orders_are_in_the_audit(
    desk: Desk, home: Path
) -> None:
    now = desk.clock.now()
    write(home, JournalledHalt(now, "me", "drill", "global", cancel=True, flatten=True))
    write(home, JournalledHalt(now, "me", "drill", "strategy:s", flatten=True))
    for outcome in ("", "accepted"):
        write(home, JournalledExit(now, "mf-1", "BTCUSDT", "sell", "0.5", outcome))
    assert halt_journal.record(desk.db, home, desk.clock) == 2
    assert halt_journal.pending(home) is None
    assert (_state(desk, "global"), _state(desk, "strategy")) == ("flattening", "halted")
    with desk.db.reading() as session:
        exits = select(AuditRow).where(AuditRow.kind == halt_journal.DIRECT_EXIT)
        outcomes = [entry.payload["outcome"] for entry in session.scalars(exits)]
    assert sorted(outcomes) == ["about to be sent", "accepted"]


def test_orders_that_come_after_their_halt_was_recorded_halt_nothing_anew(
    desk: Desk, home: Path
) -> None:
    write(home, JournalledExit(desk.clock.now(), "mf-1", "BTCUSDT", "sell", "0.5"))
    assert halt_journal.pending(home) is not None
    assert halt_journal.record(desk.db, home, desk.clock) == 0
    assert halt_journal.pending(home) is None
    assert (_state(desk, "global"), desk.audit_kinds().count("halted")) == ("active", 0)


def test_a_journal_stays_while_postgres_is_away(desk: Desk, home: Path) -> None:
    write(home, _halt(desk))
    away = Database(f"postgresql+psycopg://x:x@127.0.0.1:{free_port()}/x")
    with pytest.raises(OperationalError):
        halt_journal.record(away, home, desk.clock)
    away.dispose()
    assert halt_journal.pending(home) is not None
