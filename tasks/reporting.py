"""The reporting queue: slow reads that must not stand in anybody's way."""

from celery import shared_task

from bot.execution.tca.refit import ImpactRefit
from models.repositories import tallies
from tasks.base import MlriskTask
from tasks.context import services


@shared_task(base=MlriskTask, name="tasks.reporting.verify_audit")
def verify_audit() -> list[str]:
    """Verifies what is new in every audit chain and a piece of its past; what is wrong becomes an
    alert."""
    return services().monitor.verify_audit()


@shared_task(base=MlriskTask, name="tasks.reporting.fold_tallies")
def fold_tallies() -> None:
    """Adds up what the triggers counted since, so that the screens have few rows to read."""
    with services().db.transaction() as session:
        tallies.fold(session)


@shared_task(base=MlriskTask, name="tasks.reporting.refit_impact")
def refit_impact() -> str:
    """Fits the impact law on our own trades and feeds the gate; says what came of it."""
    context = services()
    return ImpactRefit(context.db, context.settings, context.clock).run().because


@shared_task(base=MlriskTask, name="tasks.reporting.ping", ignore_result=False)
def ping(value: str) -> str:
    """Gives back what it was given: what a task costs before it does anything."""
    return value
