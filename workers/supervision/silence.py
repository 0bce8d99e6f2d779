"""Decides which workers have stopped taking messages although they could.

A worker may stop to take messages after a fault of its broker's connection while its process lives
and answers pings. Its queues' canaries then stay away, and what beat sends waits in its queues.
"""

from collections.abc import Container, Mapping
from dataclasses import dataclass, field

from config.celery import TASK_TIME_LIMIT_SECONDS, WORKERS

SILENT_SECONDS = 30.0
"""The time without a canary after which a worker counts as silent. Beat sends a canary every
10 s."""
DOUBTFUL_SECONDS = 20.0
"""The time without a canary after which a worker is asked what it does."""
IDLE_SECONDS = 8.0
"""The time without a task after which a worker has stopped taking what waits. A worker that takes
messages goes from one task to the next in an instant."""
GAP_SECONDS = 15.0
"""The longest time between two looks. After a longer one the machine was suspended or too busy, and
nothing from before counts."""
LONGEST_TASK_SECONDS = TASK_TIME_LIMIT_SECONDS + 30.0
"""The age of a task at which the time limit must have ended it."""
REPEATED_WITHIN_SECONDS = 600.0
"""Two restarts of one worker within this time are critical."""


@dataclass(frozen=True, slots=True)
class Look:
    """What can be seen of the workers at one moment, while Postgres and the broker answer."""

    at: float
    """A monotonic clock's seconds."""
    workers: Mapping[str, int]
    """The process id of each worker that has announced itself."""
    canaries: Mapping[str, object]
    """The newest sign that a message of each queue was taken: the heartbeat of its canary, or the
    number of taken messages. Only a change counts."""
    waiting: Mapping[str, int]
    """The number of messages that wait in each queue."""


@dataclass(frozen=True, slots=True)
class Silent:
    """A worker that takes nothing from some of its queues."""

    worker: str
    pid: int
    queues: tuple[str, ...]
    seconds: float
    """The longest silence of a queue's canary."""


@dataclass(slots=True)
class _Silence:
    sign: tuple[int, object]
    """The worker's process id, and its queue's newest canary."""
    since: float


@dataclass
class Silences:
    """How long each queue has been silent, from one look to the next."""

    _of: dict[str, _Silence] = field(default_factory=dict)
    _looked_at: float | None = None

    def forget(self) -> None:
        """Begin anew: what is needed for a look did not answer."""
        self._of.clear()

    def look(self, seen: Look, longer_than: float = SILENT_SECONDS) -> list[Silent]:
        """The workers that are silent for longer than a time in seconds.

        A silence begins with the worker's announcement, with its canary, and with the first message
        that waits. It therefore needs a running worker, a beat that sends, and a broker that keeps
        messages.
        """
        if self._looked_at is not None and seen.at - self._looked_at > GAP_SECONDS:
            self.forget()
        self._looked_at = seen.at
        found = []
        for worker, pid in seen.workers.items():
            lasting = {queue: self._silence(queue, pid, seen) for queue in WORKERS[worker]}
            silent = {queue: s for queue, s in lasting.items() if s > longer_than}
            if silent:
                found.append(Silent(worker, pid, tuple(silent), max(silent.values())))
        return found

    def _silence(self, queue: str, pid: int, seen: Look) -> float:
        sign = (pid, seen.canaries.get(queue))
        known = self._of.get(queue)
        if known is None or known.sign != sign or not seen.waiting.get(queue):
            known = self._of[queue] = _Silence(sign, seen.at)
        return seen.at - known.since


@dataclass(frozen=True, slots=True)
class Answer:
    """What a worker tells of its tasks."""

    is_at_work: bool
    """Whether it has a task at hand."""
    begun: int
    """The number of tasks that it has begun."""


@dataclass
class Idleness:
    """How long each worker has had no task and begun none, from one answer to the next.

    Slow tasks keep a queue's canary waiting although its worker takes one message after the other.
    Such a worker begins tasks, and may not be taken for one that has stopped.
    """

    _of: dict[str, tuple[int, int | None, float]] = field(default_factory=dict)
    """The process id, the tasks begun and since when, by worker."""

    def forget(self) -> None:
        """Begin anew: what is needed for an answer was away."""
        self._of.clear()

    def seconds(self, silent: Silent, answer: Answer | None, at: float) -> float:
        """The time for which the worker has been idle; None is a worker that doesn't answer.

        One that doesn't answer begins nothing that is known.
        """
        pid, begun, since = self._of.get(silent.worker, (silent.pid, None, at))
        if answer is not None and (answer.is_at_work or begun not in (None, answer.begun)):
            since = at
        if pid != silent.pid:
            since = at
        told = begun if answer is None else answer.begun
        self._of[silent.worker] = (silent.pid, told, since)
        return at - since

    def keep(self, workers: Container[str]) -> None:
        """Forget all workers but these."""
        self._of = {name: known for name, known in self._of.items() if name in workers}


@dataclass
class Restarts:
    """The latest restart of each worker for its silence."""

    _at: dict[str, float] = field(default_factory=dict)

    def note(self, worker: str, at: float) -> bool:
        """Note a restart; tell whether it is a repeated one."""
        before = self._at.get(worker)
        self._at[worker] = at
        return before is not None and at - before < REPEATED_WITHIN_SECONDS
