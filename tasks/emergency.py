"""The emergency queue: halting, with a worker of its own so that nothing is ahead of it."""

from typing import Any

from celery import shared_task

from bot.authority.actors import caller
from bot.safety.emergency import stop as emergency_stop
from tasks.base import MlriskTask
from tasks.bootstrap import services


@shared_task(base=MlriskTask, name="tasks.emergency.halt")
def halt(reason: str, actor: str, cancel: bool = False, stop_exits: bool = False) -> dict[str, Any]:
    """Halts all trading; `mlrisk halt` does the same without Celery. `actor` is a note."""
    report = services().trading_halt.halt(
        reason=reason, actor=caller("task", actor), cancel=cancel, stop_exits=stop_exits
    )
    return {"state": report.state.value, "problems": list(report.problems)}


@shared_task(base=MlriskTask, name="tasks.emergency.follow_halts")
def follow_halts() -> int:
    """Stops, cancels and seals halts whose steps nobody has finished, and writes the report of
    those whose process was killed before it."""
    context = services()
    followed = emergency_stop.follow(lambda: context.following_halt, context.db)
    return followed + emergency_stop.report_unfinished(
        lambda: context.following_halt, context.db, context.clock.now()
    )


@shared_task(base=MlriskTask, name="tasks.emergency.flatten")
def flatten() -> int:
    """Closes the positions of scopes that are to be flattened, one pass at a time."""
    context = services()
    return emergency_stop.flatten(lambda: context.flattener, context.db, context.clock.now())
