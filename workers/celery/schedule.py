"""The beat schedule: every entry expires before its next tick, so that none pile up."""

from datetime import timedelta
from typing import Any

from config.celery import QUEUES


def beat_schedule() -> dict[str, dict[str, Any]]:
    """RedBeat's static entries; each task is harmless when it runs twice."""
    entries = {
        # Children are woken up to 5 s before they are due. A tick costs at most 1 s of that.
        "dispatch-due": _every(1, "tasks.monitoring.dispatch_due", queue="dispatch"),
        "pace-parents": _every(1, "tasks.monitoring.pace_parents", queue="dispatch"),
        "sweep": _every(2, "tasks.monitoring.sweep", queue="sweeping"),
        # A stop that the system asked for itself is cancelled and sealed from its state row.
        "follow-halts": _every(2, "tasks.emergency.follow_halts", queue="emergency"),
        "flatten": _every(2, "tasks.emergency.flatten", queue="emergency"),
        "record-equity": _every(3, "tasks.monitoring.record_equity"),
        "climb-recoveries": _every(5, "tasks.monitoring.climb_recoveries"),
        "watch-positions": _every(2, "tasks.monitoring.watch_positions"),
        "guard-positions": _every(2, "tasks.monitoring.guard_positions", queue="sweeping"),
        "evaluate-breakers": _every(5, "tasks.monitoring.evaluate_breakers"),
        # The stream brings fills within milliseconds. This finds the fills that it missed.
        "reconcile-account": _reconciling(20, "reconcile_account"),
        # Sizes change without notice; an hour is Bybit's own advice to integrators.
        "refresh-instruments": _reconciling(3600, "refresh_instruments"),
        # An answer counts for two hours. A switched account is noticed within minutes.
        "check-fitness": _reconciling(600, "check_fitness"),
        # The seal of a halt counts on the largest difference that is allowed.
        "watch-clock": _reconciling(15, "watch_clock"),
        "refresh-correlations": _reconciling(60, "refresh_correlations"),
        # Outcomes come by the minute.
        "judge-models": _every(60, "tasks.monitoring.judge_models", queue="reporting"),
        "watch-stages": _every(60, "tasks.monitoring.watch_stages", queue="reporting"),
        "value-blocks": _every(60, "tasks.monitoring.value_blocks", queue="reporting"),
        "fold-tallies": _every(5, "tasks.reporting.fold_tallies"),
        "sum-up-refused": _every(30, "tasks.reporting.sum_up_refused"),
        "note-audit-heads": _every(60, "tasks.reporting.note_audit_heads"),
        "verify-audit": _every(300, "tasks.reporting.verify_audit"),
        # Both act once a day. They are asked every hour, because a machine may sleep at night.
        "daily-report": _every(3600, "tasks.reporting.daily_report"),
        "refit-impact": _every(3600, "tasks.reporting.refit_impact"),
    }
    for queue in QUEUES:
        entries[f"canary-{queue}"] = _every(
            10, "tasks.monitoring.canary", queue=queue, args=(queue,)
        )
    return entries


def _reconciling(seconds: int, task: str) -> dict[str, Any]:
    """A slow read of the exchange that no breaker waits for."""
    return _every(seconds, f"tasks.monitoring.{task}", queue="reconciliation")


def _every(
    seconds: int, task: str, *, queue: str | None = None, args: tuple[Any, ...] = ()
) -> dict[str, Any]:
    # Beat doesn't know the tasks, and would otherwise wait for each result.
    options: dict[str, Any] = {"expires": seconds, "ignore_result": True}
    if queue is not None:
        options["queue"] = queue
    return {"task": task, "schedule": timedelta(seconds=seconds), "args": args, "options": options}
