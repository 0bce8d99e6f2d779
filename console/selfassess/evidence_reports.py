"""Evidence of what a firm repeats: stress tests, calibrations and recorded self-assessments."""

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from bot.safety import assurance
from bot.safety.emergency import drills
from console.runtime.assurance_reports import counts_words
from console.selfassess.kinds import Shown
from console.views.live.queries import database_now
from console.views.stress_report import stress_line

YEAR = timedelta(days=366)
"""What is to be repeated every year speaks against its control when it is older."""


def stress(session: Session, account: str) -> Shown:
    """The last stress test with its figures."""
    row = next(iter(drills.newest(session, account, 1, drills.STRESS)), None)
    if row is None:
        return Shown("there was no stress test: `mlrisk drill stress` makes one", None)
    problems = row.report["problems"]
    told = f"passed, by {row.actor}" if row.passed else f"FAILED ({problems[0]}), by {row.actor}"
    words = f"{told}: {stress_line(row.report)}"
    return _of_this_year(session, words, row.ended_at, holds=row.passed)


def calibration(session: Session, account: str) -> Shown:
    """The last calibration of the limits, with its proposals."""
    return _report(
        session,
        account,
        assurance.CALIBRATION,
        "the limits were never reviewed: `mlrisk limits calibrate` does it",
    )


def assessed(session: Session, account: str) -> Shown:
    """The last self-assessment that was recorded."""
    return _report(
        session,
        account,
        assurance.SELF_ASSESSMENT,
        "none was recorded: `mlrisk selfassess --record` does it",
    )


def _report(session: Session, account: str, kind: str, without: str) -> Shown:
    row = next(iter(assurance.newest(session, account, kind, 1)), None)
    if row is None:
        return Shown(without, None)
    if not assurance.is_as_recorded(session, row):
        words = f"report {row.report_id} is not as the audit has it"
        return Shown(words, False, row.made_at)
    words = f"report {row.report_id} by {row.actor}: {counts_words(row.report)}"
    return _of_this_year(session, words, row.made_at, holds=True)


def _of_this_year(session: Session, words: str, at: datetime, *, holds: bool) -> Shown:
    if database_now(session) - at > YEAR:
        return Shown(f"more than a year ago: {words}", False, at)
    return Shown(words, holds, at)
