"""Stored volume models are rows: each machine reads the newest, and none is needed in a home."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.execution.working.volume_models import ModelFile, ModelRows
from bot.market.volume.store import UnreadableModel
from bot.state import binding
from bot.state.binding import Identity
from console.cli import run
from console.errors import ExitCode
from models.database import Database
from models.repositories import volume_models
from tests.unit.bot.market.volume.synthetic import SYMBOLS, write_bars

pytestmark = pytest.mark.services


def test_what_a_row_says_wrongly_is_refused(db: Database, tmp_path: Path) -> None:
    with db.transaction() as session:
        volume_models.add(session, "{}", source="test", at=datetime.now(UTC))
    with pytest.raises(UnreadableModel, match="not a volume model"):
        ModelRows(db, otherwise=ModelFile(tmp_path / "none")).read()


def test_a_training_is_stored_in_the_systems_database_with_an_audit_entry(
    db: Database,
    migrated_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Seen in containers: the file system is read-only, and a file reaches no other machine."""
    monkeypatch.setenv("MLRISK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MLRISK_DATABASE_URL", migrated_url)
    for symbol in SYMBOLS:
        write_bars(tmp_path, symbol, days=5)
    assert run(["volume", "train", "--bars", str(tmp_path), "--json"]) == ExitCode.OK
    stored = json.loads(capsys.readouterr().out)
    assert "volume model 1" in stored["place"]
    assert not (tmp_path / "home").exists()
    with db.reading() as session:
        entry = session.connection().exec_driver_sql(
            "SELECT subject, payload ->> 'source' FROM audit_entry"
            " WHERE kind = 'volume_models_stored'"
        )
        assert entry.one() == ("1", str(tmp_path))
    run(["volume", "show", "--json"])
    assert json.loads(capsys.readouterr().out)["window_end"] == stored["window_end"]


def test_a_caller_that_says_another_account_stores_no_training(
    db: Database,
    migrated_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    binding.bind(db, Identity("paper", "paper", "17"), datetime.now(UTC))
    monkeypatch.setenv("MLRISK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MLRISK_DATABASE_URL", migrated_url)
    monkeypatch.setenv("MLRISK_ACCOUNT", "other")
    assert run(["volume", "train", "--bars", str(tmp_path)]) != ExitCode.OK
    assert "belongs to account paper" in " ".join(capsys.readouterr().err.split())
    with db.reading() as session:
        assert volume_models.newest_id(session) is None
