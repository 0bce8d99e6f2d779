"""The watch over workers restarts those that hang, however many there are."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from config.celery import QUEUES, WORKERS
from workers.home import Home
from workers.supervision.canaries import _ANSWER_SECONDS, LOOK_SECONDS, Canaries
from workers.supervision.silence import Answer, Look, Silent


def test_all_workers_that_hang_at_once_are_restarted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each question waits in vain until its time is over."""
    now = 0.0
    ended: set[str] = set()

    def ask(_: Sequence[str]) -> Mapping[str, Answer]:
        nonlocal now
        now += _ANSWER_SECONDS
        return {}

    def seen(_: Canaries) -> Look:
        pids = {worker: number for number, worker in enumerate(WORKERS, start=100)}
        return Look(now, pids, {}, dict.fromkeys(QUEUES, 1))

    def restart(_: Canaries, one: Silent) -> None:
        ended.add(one.worker)

    monkeypatch.setattr(Canaries, "_seen", seen)
    monkeypatch.setattr(Canaries, "_restart", restart)
    unused: Any = None
    canaries = Canaries(Home(tmp_path), unused, unused, ask, clock=lambda: now)
    while now < 60:
        canaries.look()
        now += LOOK_SECONDS
    assert ended == set(WORKERS)
