"""The tasks that beat starts: the dispatcher's tick, sweeps, reconciliation, breakers, canaries.

`workers/celery/schedule.py` names the queue of each task. Default: `monitoring`.
"""

import os
from collections.abc import Callable
from datetime import timedelta

from celery import shared_task

from bot.errors import ClockRefused, Refused
from bot.exchange import correlations
from bot.execution.orders.one_by_one import each
from bot.safety.lease.sensing import BREAKERS
from config.celery import CANARY, QUEUES
from models.tables.safety import SYSTEM_HEARTBEAT
from tasks.base import MlriskTask
from tasks.bootstrap import services

CANARY_TASK = "tasks.monitoring.canary"
_SHOWN = 100
QUIET_BEFORE_RESOLVE = timedelta(seconds=1.5)
"""A child without news for this long is looked up; the stream normally takes 20 ms."""


@shared_task(bind=True, base=MlriskTask, name="tasks.monitoring.dispatch_due")
def dispatch_due(self: MlriskTask) -> int:
    """Wakes every due child, parent and request that has no wake-up yet or has lost it.

    Its tick is the system's sign of life, unless a strategy has asked for it by another queue.
    """
    context = services()
    woken = context.dispatcher.tick()
    if _came_by(self, "dispatch") == "dispatch":
        context.monitor.heartbeat(SYSTEM_HEARTBEAT, os.getpid())
    return woken


@shared_task(base=MlriskTask, name="tasks.monitoring.pace_parents")
def pace_parents() -> int:
    """Slows, shrinks, pauses or hurries parents under way, by market, account and limits."""
    return services().throttling.tick()


@shared_task(base=MlriskTask, name="tasks.monitoring.sweep")
def sweep() -> None:
    """Ends overdue children, looks up children without news, and rechecks expired ones."""
    context = services()
    context.monitor.heartbeat(SYSTEM_HEARTBEAT, os.getpid())
    reconciler = context.reconciler
    stages: tuple[Callable[[], int], ...] = (
        reconciler.expire_overdue,
        lambda: reconciler.resolve_all(older_than=QUIET_BEFORE_RESOLVE),
        reconciler.recheck_expired,
    )
    for _ in each(stages, lambda stage: stage(), "a stage of the sweep failed"):
        pass


@shared_task(base=MlriskTask, name="tasks.monitoring.reconcile_account")
def reconcile_account() -> None:
    """Compares fills, open orders, positions and reservations with the exchange."""
    context = services()
    context.monitor.judge_reconciliation(context.reconciler.reconcile_account())
    context.rebuild_reservations()
    context.monitor.heartbeat("reconciliation", os.getpid())
    context.protective_stops.cancel_strangers()


@shared_task(base=MlriskTask, name="tasks.monitoring.record_equity")
def record_equity() -> None:
    """Reads the wallet and judges the loss breakers on it."""
    context = services()
    # First: they need no exchange.
    context.record_journalled_halts()
    context.monitor.judge_states()
    try:
        context.reconciler.record_wallet()
    except ClockRefused as error:
        context.tell_wrong_clock(error)
        raise
    _judge_breakers()


@shared_task(base=MlriskTask, name="tasks.monitoring.climb_recoveries")
def climb_recoveries() -> int:
    """Takes the steps of recoveries, and takes them back at a bad sign."""
    return services().recovery_ladder.tick()


@shared_task(base=MlriskTask, name="tasks.monitoring.watch_positions")
def watch_positions() -> int:
    """Looks at every open position, and closes those that must be closed."""
    return services().position_monitor.look()


@shared_task(base=MlriskTask, name="tasks.monitoring.guard_positions")
def guard_positions() -> int:
    """Keeps the protective stop of every open position at the exchange."""
    return services().protective_stops.guard()


@shared_task(base=MlriskTask, name="tasks.monitoring.judge_models")
def judge_models() -> int:
    """Notes new predictions, and settles those whose horizon is over."""
    return services().model_performance.look()


@shared_task(base=MlriskTask, name="tasks.monitoring.watch_stages")
def watch_stages() -> int:
    """Lowers each strategy by one stage that must not stay at its stage; returns how many fell."""
    return len(services().stage_watch.look())


@shared_task(base=MlriskTask, name="tasks.monitoring.value_blocks")
def value_blocks() -> int:
    """Writes what blocked trades would have been worth, once their horizon is over."""
    return services().gate_ledger.judge()


@shared_task(base=MlriskTask, name="tasks.monitoring.evaluate_breakers")
def evaluate_breakers() -> int:
    """Judges every circuit breaker; returns how many conditions were looked at."""
    return _judge_breakers()


def _judge_breakers() -> int:
    context = services()
    context.early_looks.begin()
    report = context.breakers.evaluate()
    if report is None:
        # Another process is at it and gives the sign of life. It may not see what came meanwhile.
        context.early_looks.ask()
        return 0
    context.monitor.heartbeat(BREAKERS, os.getpid(), {"looked_at": report.looked_at})
    return report.looked_at


@shared_task(base=MlriskTask, name="tasks.monitoring.refresh_instruments")
def refresh_instruments() -> int:
    """Reads the trading rules again; sizes change twice a month and sometimes without notice."""
    return services().reconciler.refresh_instruments()


@shared_task(base=MlriskTask, name="tasks.monitoring.check_fitness")
def check_fitness() -> bool:
    """Asks the exchange whether the account may trade; the gate reads the answer."""
    return services().check_fitness().ok


@shared_task(base=MlriskTask, name="tasks.monitoring.watch_clock")
def watch_clock() -> bool:
    """Compares our clock with the exchange's; a halt's seal counts on their difference."""
    return services().watch_clock()


@shared_task(base=MlriskTask, name="tasks.monitoring.refresh_correlations")
def refresh_correlations() -> int:
    """Publishes how the traded symbols move together; unknown counts as fully correlated. The
    breakers of volatility and correlation get the same minutes."""
    context = services()
    return correlations.refresh(
        context.exchange,
        context.market,
        context.settings.symbol_list,
        context.breakers.note_closes,
    )


@shared_task(bind=True, base=MlriskTask, name=CANARY_TASK)
def canary(self: MlriskTask, queue: str) -> None:
    """Proves by a heartbeat that this queue's worker takes messages.

    Raises Refused for an unknown queue. Also raises Refused if the canary came by another queue,
    because it then proves nothing. Strategies can send to one of the queues.
    """
    if queue not in QUEUES:
        raise Refused(f"mlrisk has no queue {queue!r}"[:_SHOWN])
    came_by = _came_by(self, queue)
    if came_by != queue:
        raise Refused(f"a canary of queue {queue} came by queue {came_by!r}"[:_SHOWN])
    services().monitor.heartbeat(f"{CANARY}{queue}", os.getpid())


def _came_by(task: MlriskTask, queue: str) -> str:
    """The queue that a message came by; `queue` for a call without a message."""
    return str((task.request.delivery_info or {}).get("routing_key", queue))
