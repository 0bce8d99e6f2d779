"""No worker starts on a wrong configuration, and none trades on limits that don't bite."""

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.errors import Refused
from bot.execution.ports import limits_for
from bot.limits import service, workers_file
from bot.limits.source import ConfiguredLimits, LayeredConfig
from bot.state import binding
from bot.state.binding import Identity
from config.settings import Settings
from config.thresholds import ConfigError
from models.database import Database
from models.enums import ScopeKind, TradingState
from models.tables import ConfigVersionRow, TradingStateRow
from tasks import startup
from tests.support.services import RedisServer
from tests.support.waiting import START_SECONDS

pytestmark = pytest.mark.services


@pytest.fixture
def wrong_file(tmp_path: Path) -> Path:
    good = Path("config/ml_risk_config.yaml").read_text(encoding="utf-8")
    file = tmp_path / "limits.yaml"
    file.write_text(good.replace("max_leverage: 3", "max_leverag: 3"), encoding="utf-8")
    return file


def state_of(db: Database) -> tuple[str, str]:
    with db.reading() as session:
        row = session.get_one(TradingStateRow, (ScopeKind.GLOBAL, "*"))
    return row.state, row.reason


def test_sound_limits_start_quietly(db: Database, migrated_url: str) -> None:
    startup.prove_limits(Settings(database_url=migrated_url))  # type: ignore[arg-type]
    assert state_of(db)[0] == TradingState.ACTIVE


def test_a_worker_that_ends_of_its_limits_file_notes_nothing_of_it(
    db: Database, migrated_url: str, wrong_file: Path
) -> None:
    settings = Settings(database_url=migrated_url)  # type: ignore[arg-type]
    owner = Identity("paper", "paper", "17", settings.environment, settings.trading_mode)
    binding.bind(db, owner, datetime.now(UTC))
    startup.prove_limits(settings)
    with pytest.raises(SystemExit):
        startup.prove_limits(settings.model_copy(update={"config_path": wrong_file}))
    with db.reading() as session:
        assert workers_file.noted(session) == LayeredConfig(settings).fingerprint()


def test_a_version_that_no_longer_fits_the_file_ends_no_worker(
    db: Database,
    migrated_url: str,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def unusable(_: service.ConfigurationService) -> None:
        raise ConfigError(["gate.gone: unknown key"])

    monkeypatch.setattr(service.ConfigurationService, "current", unusable)
    startup.prove_limits(Settings(database_url=migrated_url))  # type: ignore[arg-type]
    assert "entries are denied and exits go on" in caplog.text
    assert "gate.gone" in caplog.text


def test_a_limit_that_does_not_bite_halts_at_the_start_and_is_named(
    db: Database, migrated_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = service.ConfigurationService.__init__.__kwdefaults__
    monkeypatch.setitem(broken, "prove", lambda _: ("the limit of 'spread' does not bite",))
    startup.prove_limits(Settings(database_url=migrated_url))  # type: ignore[arg-type]
    assert state_of(db) == (TradingState.HALTED, "self-test: the limit of 'spread' does not bite")


def test_without_postgres_the_proof_waits_for_the_first_decision(
    postgres: object, migrated_url: str
) -> None:
    nowhere = migrated_url.rpartition("/")[0] + "/nowhere"
    startup.prove_limits(Settings(database_url=nowhere))  # type: ignore[arg-type]


def test_a_version_written_past_mlrisk_ends_no_worker_and_lets_exits_alone_through(
    db: Database, migrated_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    settings = Settings(database_url=migrated_url)  # type: ignore[arg-type]
    with db.transaction() as session:
        session.execute(
            ConfigVersionRow.__table__.insert().values(  # type: ignore[attr-defined]
                created_at=state_time(db),
                changed_at=state_time(db),
                environment=settings.environment,
                mode=settings.trading_mode,
                changes=(),
                override={"gate.max_leverage": 50},
                direction="loosening",
                state="active",
                actor="nobody",
                proposed_by="nobody",
                reason="",
                sha256="0" * 64,
            )
        )
    startup.prove_limits(settings)
    assert "entries are denied and exits go on" in caplog.text
    limits = ConfiguredLimits(settings, db)
    with pytest.raises(Refused, match="without mlrisk"):
        limits_for(limits, reduce_only=False)
    assert limits_for(limits, reduce_only=True) == limits.last_known()


def test_a_role_that_could_undo_what_is_recorded_is_told_at_the_start(
    migrated_url: str, application_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    startup.tell_powers(Settings(database_url=application_url))  # type: ignore[arg-type]
    assert caplog.messages == []
    startup.tell_powers(Settings(database_url=migrated_url))  # type: ignore[arg-type]
    (message,) = caplog.messages
    assert "too powerful: it is a superuser, may make roles, owns tables" in message


def state_time(db: Database) -> object:
    with db.reading() as session:
        return session.get_one(TradingStateRow, (ScopeKind.GLOBAL, "*")).changed_at


def test_a_worker_refuses_to_start_on_a_misspelt_key_and_names_the_nearest(
    migrated_url: str, redis: RedisServer, wrong_file: Path, tmp_path: Path
) -> None:
    worker = ended_worker("validation", migrated_url, redis, wrong_file, tmp_path)
    assert worker.returncode == startup.BAD_CONFIGURATION
    assert "unknown key 'max_leverag' (did you mean 'max_leverage'?)" in worker.stderr
    assert f"{wrong_file}:" in worker.stderr


@pytest.mark.parametrize(
    ("queue", "ends"),
    [("validation", "MLRISK_MESSAGE_KEY is not set"), ("dispatch", "unknown key")],
)
def test_in_production_the_worker_that_reads_requests_alone_needs_the_key_of_messages(
    queue: str, ends: str, migrated_url: str, redis: RedisServer, wrong_file: Path, tmp_path: Path
) -> None:
    """The other one gets as far as to the limits."""
    production = {"MLRISK_ENVIRONMENT": "production"}
    worker = ended_worker(queue, migrated_url, redis, wrong_file, tmp_path, **production)
    assert worker.returncode == startup.BAD_CONFIGURATION
    assert ends in worker.stderr


def ended_worker(
    queue: str, database_url: str, redis: RedisServer, config: Path, home: Path, **others: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "celery", "-A", "workers.celery.app", "worker", "-Q", queue,
         "-c", "1", "--without-gossip", "--without-mingle"],
        env={
            **os.environ,
            "C_FORCE_ROOT": "1",
            "MLRISK_HOME": str(home),
            "MLRISK_DATABASE_URL": database_url,
            "MLRISK_REDIS_URL": redis.url(),
            "MLRISK_CONFIG_PATH": str(config),
            **others,
        },
        capture_output=True,
        text=True,
        timeout=START_SECONDS,
        check=False,
    )  # fmt: skip
