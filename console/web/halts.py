"""Halts that were asked for in the browser: each runs in a thread of its own and is followed on a
page."""

import logging
import secrets
import threading
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from bot.clock import Clock
from bot.safety.flattening import FlatReport
from bot.safety.halt_report import HaltReport
from console.runtime.halt_steps import HaltOrder, HaltOutcome, HaltSteps

log = logging.getLogger(__name__)

KEPT = 50


@dataclass(slots=True)
class HaltJob:
    """One halt under way or done."""

    number: str
    order: HaltOrder
    by: str
    asked_at: datetime
    already: bool
    note: str | None = None
    """What the person should know, such as a state that changed in between."""
    report: HaltReport | None = None
    flat: FlatReport | None = None
    failure: str | None = None
    ended_at: datetime | None = None

    @property
    def is_proven(self) -> bool:
        """Whether everything that was asked for is done and verified."""
        if self.report is None or self.failure:
            return False
        if self.order.cancels and self.report.clean_at is None:
            return False
        return HaltOutcome(self.report, self.flat, self.order.flatten).is_complete


class Halts:
    """The halts of this process, the newest of them kept."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._jobs: OrderedDict[str, HaltJob] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, number: str) -> HaltJob | None:
        """A halt by its number."""
        with self._lock:
            return self._jobs.get(number)

    def begin(self, order: HaltOrder, by: str, note: str | None, steps: HaltSteps) -> HaltJob:
        """Halts at once, and follows in a thread. Raises CommandError as `HaltSteps` does.

        The thread dies with the process. The emergency worker then goes on from the state's row.
        """
        asked_at = self._clock.now()
        already = steps.set_halted()
        job = HaltJob(secrets.token_hex(8), order, by, asked_at, already, note)
        with self._lock:
            self._jobs[job.number] = job
            while len(self._jobs) > KEPT:
                self._jobs.popitem(last=False)
        threading.Thread(target=self._follow, args=(job, steps), name="halt", daemon=True).start()
        return job

    def _follow(self, job: HaltJob, steps: HaltSteps) -> None:
        try:
            done = steps.record(steps.carry_out(job.already, reported=partial(_show, job)))
            job.report, job.flat = done.report, done.flat
        except Exception as error:  # the page tells it, and the emergency worker goes on
            log.exception("a halt's steps failed", extra={"event": "web_halt_failed"})
            job.failure = f"{type(error).__name__}: the emergency worker goes on"
        job.ended_at = self._clock.now()


def _show(job: HaltJob, report: HaltReport) -> None:
    """The page has the report while positions are being closed."""
    job.report = report
