"""The reporting queue: slow reads that must not stand in anybody's way."""

import logging

from celery import shared_task

from bot.decision import refusals
from bot.tca.refit import ImpactRefit
from models.repositories import tallies
from tasks.base import MlriskTask
from tasks.bootstrap import services

log = logging.getLogger(__name__)


@shared_task(base=MlriskTask, name="tasks.reporting.verify_audit")
def verify_audit() -> list[str]:
    """Verifies what is new in every audit chain and a piece of its past; what is wrong becomes an
    alert."""
    return services().monitor.verify_audit()


@shared_task(base=MlriskTask, name="tasks.reporting.note_audit_heads")
def note_audit_heads() -> list[str]:
    """Notes outside the database where the audit chains end; what is gone since becomes an
    alert."""
    context = services()
    try:
        with context.db.transaction() as session:
            problems = context.audit_heads.note(session, context.clock.now())
    except OSError as error:
        said = f"{context.audit_heads.path} can't be written: {error.strerror}"
        if context.settings.audit_heads is None:
            # As in a container, whose home is nobody's to write: nobody has asked for it there.
            log.warning("the audit's ends are noted nowhere (MLRISK_AUDIT_HEADS): %s", said)
            return []
        problems = [said]
    for problem in problems:
        log.critical("the audit's ends: %s", problem)
    return problems


@shared_task(base=MlriskTask, name="tasks.reporting.fold_tallies")
def fold_tallies() -> None:
    """Adds up what the triggers counted since, so that the screens have few rows to read."""
    with services().db.transaction() as session:
        tallies.fold(session)


@shared_task(base=MlriskTask, name="tasks.reporting.sum_up_refused")
def sum_up_refused() -> None:
    """Says in the audit how many messages were refused in the minutes that are over."""
    context = services()
    refusals.sum_up(context.db, context.clock)


@shared_task(base=MlriskTask, name="tasks.reporting.refit_impact")
def refit_impact() -> str:
    """Fits the impact law on our own trades and feeds the gate; says what came of it."""
    context = services()
    return ImpactRefit(context.db, context.settings, context.clock).run().because


@shared_task(base=MlriskTask, name="tasks.reporting.ping", ignore_result=False)
def ping(value: str) -> str:
    """Gives back what it was given: what a task costs before it does anything."""
    return value
