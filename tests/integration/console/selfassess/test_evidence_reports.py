"""Evidence of what is repeated: its figures, and that it is older than a year."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from bot.safety import assurance
from bot.safety.assurance import AssuranceReport
from bot.safety.emergency import drills
from bot.safety.emergency.drills import Drill
from console.selfassess import evidence_reports
from console.views.live.queries import database_now
from tests.support.scene import ACCOUNT, Scene, read_only_engine
from tests.unit.console.views.test_stress_report import REPORT

pytestmark = pytest.mark.services


@pytest.fixture
def session(scene: Scene) -> Iterator[Session]:
    """A reader, as the command has it."""
    engine = read_only_engine(scene.database_url)
    with Session(engine) as session:
        yield session
    engine.dispose()


@pytest.fixture
def now(scene: Scene) -> datetime:
    with scene.db.reading() as session:
        return database_now(session)


def stressed(scene: Scene, at: datetime, *problems: str) -> None:
    report: dict[str, Any] = {**REPORT, "problems": list(problems)}
    drill = Drill(drills.STRESS, ACCOUNT, at, at, not problems, report)
    drills.store(scene.db, drill, "cli:ann")


def store(scene: Scene, kind: str, at: datetime) -> None:
    counts = {"keep": 3, "question": 1}
    made = AssuranceReport(kind, ACCOUNT, at, {"counts": counts}, {"counts": counts})
    assurance.store(scene.db, made, "cli:ann")


def test_without_any_each_says_the_command(session: Session) -> None:
    for shown, command in (
        (evidence_reports.stress(session, ACCOUNT), "mlrisk drill stress"),
        (evidence_reports.calibration(session, ACCOUNT), "mlrisk limits calibrate"),
        (evidence_reports.assessed(session, ACCOUNT), "mlrisk selfassess --record"),
    ):
        assert (shown.holds, shown.at) == (None, None)
        assert command in shown.words


def test_a_stress_test_is_told_with_its_figures(
    scene: Scene, session: Session, now: datetime
) -> None:
    stressed(scene, now)
    shown = evidence_reports.stress(session, ACCOUNT)
    assert (shown.holds, shown.at) == (True, now)
    assert shown.words.startswith("passed, by cli:ann: 243 messages in 60 s")


def test_a_failed_or_an_old_stress_test_speaks_against_the_control(
    scene: Scene, session: Session, now: datetime
) -> None:
    stressed(scene, now, "3 requests have no decision")
    shown = evidence_reports.stress(session, ACCOUNT)
    assert shown.holds is False
    assert shown.words.startswith("FAILED (3 requests have no decision)")
    session.rollback()
    stressed(scene, now - timedelta(days=367))
    shown = evidence_reports.stress(session, ACCOUNT)
    assert shown.holds is False
    assert shown.words.startswith("more than a year ago: passed")


@pytest.mark.parametrize(
    ("kind", "read"),
    [
        (assurance.CALIBRATION, evidence_reports.calibration),
        (assurance.SELF_ASSESSMENT, evidence_reports.assessed),
    ],
)
def test_a_report_counts_for_a_year_while_it_is_as_the_audit_has_it(
    scene: Scene, session: Session, now: datetime, kind: str, read: Any
) -> None:
    store(scene, kind, now - timedelta(days=367))
    assert read(session, ACCOUNT).holds is False
    session.rollback()
    store(scene, kind, now)
    shown = read(session, ACCOUNT)
    assert (shown.holds, shown.at) == (True, now)
    assert shown.words == "report 2 by cli:ann: 3 keep, 1 question"
    session.rollback()
    with scene.db.transaction() as writing:
        writing.execute(text("UPDATE assurance_report SET report = '{\"counts\": {}}'"))
    shown = read(session, ACCOUNT)
    assert (shown.holds, shown.words) == (False, "report 2 is not as the audit has it")
