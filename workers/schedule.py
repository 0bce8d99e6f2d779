"""The beat schedule: every entry expires before its next tick, so that none pile up."""

from datetime import timedelta
from typing import Any

from config.celery import QUEUES


def beat_schedule() -> dict[str, dict[str, Any]]:
    """RedBeat's static entries; each task is harmless when it runs twice."""
    entries = {
        # A second of lookahead is lost at most: children are woken up to 5 s before they are due.
        "dispatch-due": _every(1, "tasks.monitoring.dispatch_due"),
        "pace-parents": _every(1, "tasks.monitoring.pace_parents"),
        "sweep": _every(2, "tasks.monitoring.sweep"),
        "record-equity": _every(3, "tasks.monitoring.record_equity"),
        # The stream brings fills within milliseconds; this finds what it missed.
        "reconcile-account": _every(20, "tasks.monitoring.reconcile_account"),
        # Sizes change without notice; an hour is Bybit's own advice to integrators.
        "refresh-instruments": _every(3600, "tasks.monitoring.refresh_instruments"),
        # An answer counts for two hours; a switched account is known in minutes.
        "check-fitness": _every(600, "tasks.monitoring.check_fitness"),
        "refresh-correlations": _every(60, "tasks.monitoring.refresh_correlations"),
        "fold-tallies": _every(5, "tasks.reporting.fold_tallies"),
        "verify-audit": _every(300, "tasks.reporting.verify_audit"),
        # Acts once a day; asked every hour, so that a machine that sleeps at night has its turn.
        "refit-impact": _every(3600, "tasks.reporting.refit_impact"),
    }
    for queue in QUEUES:
        entries[f"canary-{queue}"] = _every(
            10, "tasks.monitoring.canary", queue=queue, args=(queue,)
        )
    return entries


def _every(
    seconds: int, task: str, *, queue: str | None = None, args: tuple[Any, ...] = ()
) -> dict[str, Any]:
    options: dict[str, Any] = {"expires": seconds}
    if queue is not None:
        options["queue"] = queue
    return {"task": task, "schedule": timedelta(seconds=seconds), "args": args, "options": options}
