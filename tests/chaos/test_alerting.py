"""The alerting process dies between a message and its note: nobody is left untold."""

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest
from sqlalchemy import select, update

from bot.state import binding
from bot.state.identity import Identity
from config.settings import Environment, TradingMode
from models.database import Database
from models.tables import AlertDeliveryRow
from tests.support.processes.people import Webhook
from tests.support.repository import ROOT
from tests.support.waiting import eventually

pytestmark = pytest.mark.services

ACCOUNT = "paper"


def start(url: str, channels: Path, home: Path) -> subprocess.Popen[bytes]:
    environment = {
        **os.environ,
        "MLRISK_HOME": str(home),
        "MLRISK_DATABASE_URL": url,
        "MLRISK_ALERT_CHANNELS_FILE": str(channels),
        "MLRISK_HOLDS_KEYS": "false",
        "MLRISK_PAPER_URL": "http://127.0.0.1:1",
    }
    command = [sys.executable, "-m", "workers.alerting.main"]
    return subprocess.Popen(command, cwd=ROOT, env=environment)


def note(db: Database) -> AlertDeliveryRow | None:
    with db.reading() as session:
        return session.scalars(select(AlertDeliveryRow)).first()


@pytest.mark.long
def test_a_message_whose_note_was_lost_comes_once_more_and_no_helper_is_left(
    db: Database, migrated_url: str, tmp_path: Path
) -> None:
    hook = Webhook()
    channels = tmp_path / "channels"
    channels.write_text(f"hook info {hook.url}\n", encoding="utf-8")
    owner = Identity(ACCOUNT, "paper", "1", Environment.DEVELOPMENT, TradingMode.PAPER_TRADING)
    binding.bind(db, owner, datetime.now(UTC))
    process = start(migrated_url, channels, tmp_path)
    try:
        mine = psutil.Process(process.pid)
        eventually(lambda: mine.children(), "the channel's helper")
        helpers = mine.children()
        hook.before = lambda: process.send_signal(signal.SIGKILL)
        with db.unit_of_work() as uow:
            uow.audit(ACCOUNT, "order_lost", "r-1", "test", {"why": "gone"}, datetime.now(UTC))
            uow.commit()
        process.wait(120)
        eventually(lambda: not any(helper.is_running() for helper in helpers), "the helper's end")
        hook.before = lambda: None
        row = note(db)
        assert row is not None
        assert (row.attempts, row.delivered_at) == (1, None)
        # As if the dead one's hold were over.
        with db.transaction() as session:
            session.execute(update(AlertDeliveryRow).values(next_at=datetime.now(UTC)))
        process = start(migrated_url, channels, tmp_path)
        eventually(lambda: (row := note(db)) and row.delivered_at, "the note")
        process.send_signal(signal.SIGTERM)
        assert process.wait(120) == 0
        assert len(hook.got) == 2
        assert "attempt: 2; the same message may have come before" in hook.got[1]["message"]
    finally:
        process.kill()
        process.wait()
        hook.close()
