"""What a look at a system finds, also where its limits can't be used or nothing answers."""

from pathlib import Path

import pytest
from sqlalchemy import update

from config.settings import Environment, Settings, load_settings
from console.selfassess.evidence import look
from console.selfassess.kinds import EvidenceKind
from models.enums import VersionState
from models.tables import ConfigVersionRow
from tests.support.scene import Scene
from tests.support.trading_halts import bind
from workers.supervision.ports import free_port

pytestmark = pytest.mark.services


@pytest.fixture
def settings(scene: Scene, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Settings:
    """A system of development whose processes do not run."""
    monkeypatch.setenv("MLRISK_HOME", str(tmp_path))
    monkeypatch.setenv("MLRISK_DATABASE_URL", scene.database_url)
    bind(scene, Environment.DEVELOPMENT)
    return load_settings()


def test_limits_in_force_are_tested_and_told(settings: Settings) -> None:
    found = look(settings, [EvidenceKind.LIMITS, EvidenceKind.SELF_TEST], replay=0)
    assert found.missing is None
    assert found.of(EvidenceKind.SELF_TEST).holds
    assert "the files of development" in found.of(EvidenceKind.LIMITS).words
    assert found.limits["gate.max_gross_exposure_share"] > 0


def test_limits_that_were_changed_without_mlrisk_speak_against(
    scene: Scene, settings: Settings
) -> None:
    with scene.db.transaction() as session:
        session.add(
            ConfigVersionRow(
                created_at=scene.clock.now(), changed_at=scene.clock.now(),
                environment="development", mode=settings.trading_mode.value, changes=(),
                override={}, direction="loosening", state=VersionState.PROPOSED, actor="x",
                proposed_by="x", reason="by hand", sha256="0" * 64,
            )
        )  # fmt: skip
        session.flush()
        session.execute(update(ConfigVersionRow).values(state=VersionState.ACTIVE))
    found = look(settings, [EvidenceKind.LIMITS, EvidenceKind.SELF_TEST], replay=0)
    for kind in (EvidenceKind.LIMITS, EvidenceKind.SELF_TEST):
        assert found.of(kind).holds is False
        assert "without mlrisk" in found.of(kind).words
    assert found.limits == {}
    assert "without mlrisk" in (found.limits_problem or "")


def test_a_database_that_is_away_is_a_system_that_is_not_running(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = f"postgresql+psycopg://x:x@127.0.0.1:{free_port()}/x"
    monkeypatch.setenv("MLRISK_DATABASE_URL", away)
    found = look(load_settings(), [EvidenceKind.LEASE], replay=0)
    assert found.missing is not None
    assert "can't be reached" in found.of(EvidenceKind.LEASE).words
