"""The beat schedule names tasks that exist and lets no tick outlive the next."""

import importlib

import celery
import pytest

from config.celery import WORKERS
from workers.celery.schedule import beat_schedule


@pytest.mark.parametrize("name", sorted(beat_schedule()))
def test_every_entry_names_a_task_and_expires_before_its_next_tick(name: str) -> None:
    entry = beat_schedule()[name]
    module = importlib.import_module(entry["task"].rpartition(".")[0])
    found = getattr(module, entry["task"].rpartition(".")[2])
    assert isinstance(found, celery.Task) or found.name == entry["task"]
    assert entry["options"]["expires"] <= entry["schedule"].total_seconds()


def test_what_wakes_sweeps_reconciles_and_judges_losses_shares_no_worker() -> None:
    """Fifteen orders that nobody finds lifted the lateness of slices to seconds."""
    worker_of = {queue: worker for worker, queues in WORKERS.items() for queue in queues}
    apart = ("dispatch-due", "sweep", "reconcile-account", "record-equity")
    assert len({worker_of[_queue(name)] for name in apart}) == len(apart)
    # Nothing that asks the exchange is ahead of a due child or of a breaker.
    others = {"dispatch-due", "pace-parents", "canary-dispatch"}
    assert {n for n in beat_schedule() if worker_of[_queue(n)] == "dispatch"} == others
    losses = {
        *("record-equity", "evaluate-breakers", "climb-recoveries"),
        *("watch-positions", "canary-monitoring"),
    }
    assert {n for n in beat_schedule() if worker_of[_queue(n)] == "monitoring"} == losses


def _queue(name: str) -> str:
    """As Celery routes it: the entry's own queue, or the one in the task's name."""
    entry = beat_schedule()[name]
    return str(entry["options"].get("queue") or entry["task"].split(".")[1])


def test_the_impact_is_re_fitted_more_often_than_it_acts() -> None:
    assert beat_schedule()["refit-impact"]["schedule"].total_seconds() < 86_400
