"""Which workers are restarted for their silence, and which are left alone."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from config.celery import QUEUES, WORKERS
from tests.support.fakes import T0
from workers.supervision.silence import (
    GAP_SECONDS,
    REPEATED_WITHIN_SECONDS,
    SILENT_SECONDS,
    Answer,
    Idleness,
    Look,
    Restarts,
    Silences,
    Silent,
)

STEP = 2.0
LONG = int(SILENT_SECONDS / STEP) + 2
"""More looks than a silence lasts."""
WELL = Look(
    at=0.0,
    workers={worker: number for number, worker in enumerate(WORKERS, start=100)},
    canaries=dict.fromkeys(QUEUES, T0),
    waiting=dict.fromkeys(QUEUES, 1),
)


def silent_of(silences: Silences, looks: Iterable[Look]) -> list[list[Silent]]:
    return [silences.look(look) for look in looks]


def looks(count: int, start: float = 0.0, **changes: object) -> list[Look]:
    """Looks at regular times, in which no canary comes but those that a change brings."""
    return [replace(WELL, at=start + STEP * number, **changes) for number in range(count)]  # type: ignore[arg-type]


def with_canaries(count: int, but: str | None = None) -> list[Look]:
    """Looks with a canary of each queue in every fifth look, but of one queue none."""

    def at(number: int) -> datetime:
        return T0 + timedelta(seconds=10 * (number // 5))

    return [
        replace(look, canaries={q: T0 if q == but else at(number) for q in QUEUES})
        for number, look in enumerate(looks(count))
    ]


def test_workers_whose_canaries_come_are_left_alone() -> None:
    assert silent_of(Silences(), with_canaries(3 * LONG)) == [[]] * 3 * LONG


@pytest.mark.parametrize("queue", QUEUES)
def test_a_worker_is_silent_when_one_of_its_queues_is_for_thirty_seconds(queue: str) -> None:
    found = silent_of(Silences(), with_canaries(LONG, but=queue))
    worker = next(name for name, queues in WORKERS.items() if queue in queues)
    pid = WELL.workers[worker]
    assert found[:-1] == [[]] * (LONG - 1)
    assert found[-1] == [Silent(worker, pid, (queue,), STEP * (LONG - 1))]


def test_a_queue_without_a_message_is_not_silent_because_beat_sends_nothing() -> None:
    assert silent_of(Silences(), looks(LONG, waiting=dict.fromkeys(QUEUES, 0))) == [[]] * LONG


def test_a_silence_begins_with_the_first_message_that_waits() -> None:
    silences = Silences()
    silent_of(silences, looks(LONG, waiting={}))
    assert silent_of(silences, looks(LONG - 2, start=STEP * LONG)) == [[]] * (LONG - 2)


def test_a_worker_that_has_not_announced_itself_is_not_judged() -> None:
    assert silent_of(Silences(), looks(LONG, workers={})) == [[]] * LONG


def test_a_silence_begins_anew_with_each_process() -> None:
    silences = Silences()
    silent_of(silences, looks(LONG - 2))
    others = {worker: pid + 1000 for worker, pid in WELL.workers.items()}
    found = silent_of(silences, looks(LONG - 2, start=STEP * (LONG - 2), workers=others))
    assert found == [[]] * (LONG - 2)


def test_a_worker_without_any_canary_yet_has_as_much_time() -> None:
    found = silent_of(Silences(), looks(LONG, canaries={}))
    assert found[:-1] == [[]] * (LONG - 1)
    assert {one.worker for one in found[-1]} == set(WORKERS)


def test_nothing_counts_from_before_a_server_was_away() -> None:
    silences = Silences()
    silent_of(silences, looks(LONG - 2))
    silences.forget()
    assert silent_of(silences, looks(LONG - 2, start=STEP * (LONG - 2))) == [[]] * (LONG - 2)


def test_nothing_counts_from_before_the_machine_was_suspended() -> None:
    """Also if the clock went on meanwhile."""
    silences = Silences()
    silent_of(silences, looks(2))
    later = looks(LONG - 2, start=STEP + GAP_SECONDS + 3600)
    assert silent_of(silences, later) == [[]] * (LONG - 2)


ONE = Silent("reporting", 100, ("reporting",), 25.0)


def idle_seconds(*answers: Answer | None, one: Silent = ONE) -> list[float]:
    """How long a worker is idle at each of its answers, five seconds apart."""
    idleness = Idleness()
    return [idleness.seconds(one, answer, 5.0 * number) for number, answer in enumerate(answers)]


def test_a_worker_without_a_task_that_begins_none_is_idle() -> None:
    assert idle_seconds(*[Answer(is_at_work=False, begun=7)] * 3) == [0.0, 5.0, 10.0]


def test_slow_tasks_one_after_the_other_are_no_idleness() -> None:
    """Also when the worker is asked between two of them."""
    between = [Answer(is_at_work=False, begun=number) for number in range(5)]
    assert idle_seconds(*between) == [0.0] * 5
    assert idle_seconds(*[Answer(is_at_work=True, begun=7)] * 5) == [0.0] * 5


def test_a_worker_is_idle_from_its_last_task_on() -> None:
    at_work, idle = Answer(is_at_work=True, begun=7), Answer(is_at_work=False, begun=7)
    assert idle_seconds(idle, at_work, idle, idle) == [0.0, 0.0, 5.0, 10.0]


def test_a_worker_that_does_not_answer_is_idle_until_it_does() -> None:
    idle = Answer(is_at_work=False, begun=7)
    assert idle_seconds(None, None, None) == [0.0, 5.0, 10.0]
    assert idle_seconds(idle, None, idle) == [0.0, 5.0, 10.0]
    assert idle_seconds(idle, None, Answer(is_at_work=False, begun=8)) == [0.0, 5.0, 0.0]


def test_idleness_begins_anew_with_each_process_and_after_each_canary() -> None:
    idleness, idle = Idleness(), Answer(is_at_work=False, begun=7)
    assert [idleness.seconds(ONE, idle, at) for at in (0.0, 9.0)] == [0.0, 9.0]
    assert idleness.seconds(replace(ONE, pid=101), idle, 10.0) == 0.0
    idleness.keep({"dispatch"})
    assert idleness.seconds(replace(ONE, pid=101), idle, 20.0) == 0.0
    idleness.forget()
    assert idleness.seconds(replace(ONE, pid=101), idle, 30.0) == 0.0


def test_the_second_restart_in_ten_minutes_is_a_repeated_one() -> None:
    restarts = Restarts()
    assert not restarts.note("dispatch", 0.0)
    assert not restarts.note("reporting", 1.0)
    assert restarts.note("dispatch", REPEATED_WITHIN_SECONDS - 1)
    assert not restarts.note("dispatch", 2 * REPEATED_WITHIN_SECONDS)
