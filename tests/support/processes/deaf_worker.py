"""Our workers' application, whose workers can be made deaf.

`celery -A tests.support.processes.deaf_worker` starts one. They also obey `cancel_consumer`,
and have a task that lasts until a file is there.
"""

import time
from pathlib import Path
from typing import Any

from celery.signals import worker_init
from celery.worker import control
from celery.worker.control import Panel

from workers.celery.app import app

__all__ = ["app"]


@worker_init.connect  # after our own, which takes the command away
def _obey_more(**_: Any) -> None:
    Panel.data["cancel_consumer"] = control.cancel_consumer


@app.task(name="tests.hold")
def hold(begun: str, end: str) -> None:
    Path(begun).touch()
    while not Path(end).exists():
        time.sleep(0.02)
