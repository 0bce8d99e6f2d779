"""The reporting queue: slow reads that must not delay other work."""

import logging

from celery import shared_task

from bot.decision import refusals
from bot.reports.telling import tell_yesterday
from bot.tca.refit import ImpactRefit
from models.repositories.trading import tallies
from tasks.base import MlriskTask
from tasks.bootstrap import services

log = logging.getLogger(__name__)


@shared_task(base=MlriskTask, name="tasks.reporting.verify_audit")
def verify_audit() -> list[str]:
    """Verifies the new entries of every audit chain and a part of the older ones. A fault becomes
    an alert and stops all trading."""
    return services().monitor.verify_audit()


@shared_task(base=MlriskTask, name="tasks.reporting.note_audit_heads")
def note_audit_heads() -> list[str]:
    """Notes the heads of the audit chains outside the database. A loss since the last note becomes
    an alert and stops all trading."""
    context = services()
    try:
        with context.db.transaction() as session:
            problems = context.audit_heads.note(session, context.clock.now())
        context.monitor.stop_for_audit(problems)
    except OSError as error:
        said = f"{context.audit_heads.path} can't be written: {error.strerror}"
        if context.settings.audit_heads is None:
            # This happens in a container with an unwritable home, where no setting asks for the
            # file.
            log.warning(
                "the file of audit heads (MLRISK_AUDIT_HEADS) can't be written: %s",
                said,
                extra={"event": "the_audits_ends_are_noted_nowhere_mlrisk_audit_heads"},
            )
            return []
        problems = [said]
    for problem in problems:
        log.critical(
            "the audit heads disagree with their file: %s",
            problem,
            extra={"event": "the_audits_ends"},
        )
    return problems


@shared_task(base=MlriskTask, name="tasks.reporting.fold_tallies")
def fold_tallies() -> None:
    """Adds up the triggers' newest counts, so that the screens read few rows."""
    with services().db.transaction() as session:
        tallies.fold(session)


@shared_task(base=MlriskTask, name="tasks.reporting.sum_up_refused")
def sum_up_refused() -> None:
    """Writes into the audit how many messages were refused in each minute that is over."""
    context = services()
    refusals.sum_up(context.db, context.clock)


@shared_task(base=MlriskTask, name="tasks.reporting.refit_impact")
def refit_impact() -> str:
    """Fits the impact law on our own trades and gives the gate the result; returns the outcome in
    words."""
    context = services()
    return ImpactRefit(context.db, context.settings, context.clock).run().because


@shared_task(base=MlriskTask, name="tasks.reporting.daily_report")
def daily_report() -> str | None:
    """Stores the summary of the day before as an alert of the level info, once; returns it."""
    context = services()
    return tell_yesterday(context.db, context.settings.account, context.limits, context.clock)


@shared_task(base=MlriskTask, name="tasks.reporting.ping", ignore_result=False)
def ping(value: str) -> str:
    """Returns its argument. It measures the cost of a task that does nothing else."""
    return value
