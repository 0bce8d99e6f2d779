"""Halts that were asked for in the browser: each runs in a thread of its own and is followed on a
page."""

import logging
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import partial

from bot.clock import Clock
from bot.safety.halting.flattening import FlatReport
from bot.safety.halting.report import HaltReport
from console.runtime.halts.halt_steps import HaltOrder, HaltOutcome, HaltSteps, WithoutPostgres
from console.web.bounded import within

log = logging.getLogger(__name__)

KEPT = 50
ANSWER_SECONDS = 3.0
"""The person who halts gets the page after this time at the latest. It follows the rest."""


LOOK_SECONDS = 5.0
"""The steps after the state wait no longer to learn whether it had changed since the person
looked."""


class Hold(StrEnum):
    """What stops trading, as far as it is known."""

    ASKED = "asked"
    """Postgres has not answered yet."""
    HALTED = "halted"
    JOURNALLED = "journalled"
    """Postgres can't be written; the home's journal stops entries on this machine."""
    NOT_HALTED = "not_halted"


@dataclass(slots=True)
class HaltJob:
    """One halt under way or done."""

    number: str
    order: HaltOrder
    by: str
    asked_at: datetime
    hold: Hold = Hold.ASKED
    already: bool = False
    note: str | None = None
    """What the person should know, such as a state that changed in between."""
    known: str | None = None
    """While Postgres can't be written: what holds, and in the end what came of the exchange."""
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

    @property
    def state_line(self) -> str:
        """The state of the halt in a few words."""
        ended = self.ended_at is not None
        if self.hold is Hold.ASKED:
            return "The halt is asked for; Postgres has not answered yet"
        if self.hold is Hold.NOT_HALTED:
            return "NOT HALTED" if ended else "NOT HALTED; the exchange is being asked"
        if self.hold is Hold.JOURNALLED:
            words = "HALTED by this home's journal"
            return f"{words}, and not proven" if ended else f"{words}; the next steps are under way"
        if not ended:
            return "HALTED; the next steps are under way"
        return "HALTED and proven" if self.is_proven else "HALTED, but not everything is proven"


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

    def begin(
        self, order: HaltOrder, by: str, steps: HaltSteps, look: Callable[[bool], str | None]
    ) -> HaltJob:
        """Halts and follows in a thread, which closes the steps' connections. Returns once trading
        is halted, and after a few seconds whatever hangs; the job goes on.

        `look` gives the job's note, by whether it was halted already. The thread dies with the
        process. The emergency worker then goes on from the state's row.
        """
        job = HaltJob(secrets.token_hex(8), order, by, self._clock.now())
        with self._lock:
            self._jobs[job.number] = job
            while len(self._jobs) > KEPT:
                self._jobs.popitem(last=False)
        answered = threading.Event()
        threading.Thread(
            target=self._run, args=(job, steps, look, answered), name="halt", daemon=True
        ).start()
        answered.wait(ANSWER_SECONDS)
        return job

    def _run(
        self,
        job: HaltJob,
        steps: HaltSteps,
        look: Callable[[bool], str | None],
        answered: threading.Event,
    ) -> None:
        try:
            found = steps.set_or_journal()
            if isinstance(found, WithoutPostgres):
                _act_at_exchange(job, found, answered)
            else:
                job.hold, job.already = Hold.HALTED, found.already
                answered.set()
                _note(job, look)
                done = steps.record(steps.carry_out(found, reported=partial(_show, job)))
                job.report, job.flat = done.report, done.flat
        except Exception as error:  # the page tells it
            log.exception("a halt's steps failed", extra={"event": "web_halt_failed"})
            job.failure = f"{type(error).__name__}: {_goes_on(job)}"
        finally:
            job.ended_at = self._clock.now()
            answered.set()
            steps.close()


def _act_at_exchange(job: HaltJob, found: WithoutPostgres, answered: threading.Event) -> None:
    job.hold = Hold.JOURNALLED if found.is_journalled else Hold.NOT_HALTED
    job.known = found.known.message
    answered.set()
    job.known = found.act().message


def _note(job: HaltJob, look: Callable[[bool], str | None]) -> None:
    """A note that can't be had stops no step."""
    try:
        job.note = within(LOOK_SECONDS, lambda: look(job.already), otherwise=None)
    except Exception:
        log.exception("a halt's note can't be made", extra={"event": "web_halt_without_note"})


def _goes_on(job: HaltJob) -> str:
    """What happens after a failure; a halt without a state has nobody who goes on."""
    if job.hold is Hold.HALTED:
        return "the emergency worker goes on"
    if job.hold is Hold.ASKED:
        job.hold = Hold.NOT_HALTED
    return "run `mlrisk halt`, and look at the exchange"


def _show(job: HaltJob, report: HaltReport) -> None:
    """The page has the report while positions are being closed."""
    job.report = report
