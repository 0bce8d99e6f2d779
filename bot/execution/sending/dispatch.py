"""The dispatcher: finds due rows and enqueues them, even if their first message was lost."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from bot.execution.orders.parents import LATE_AFTER
from bot.execution.ports import AccountDeps
from models.repositories.trading import orders

log = logging.getLogger(__name__)

BATCH = 500
"""The most that one tick enqueues. The next tick finds the rest, and the queue stays short."""
ENOUGH_WAITING = 200
"""The longest queue that gets more messages: seconds of work for the four senders. Rows wait as
well as messages, and in the right order."""
EXECUTION, EXITS, VALIDATION = "execution", "exits", "validation"


def _unknown_depth(_: str) -> int | None:
    return None


@dataclass(frozen=True, slots=True)
class Dispatcher:
    """Enqueues one account's due children, the due steps of its parents, and requests that were
    never validated."""

    deps: AccountDeps
    horizon: timedelta
    wake_timeout: timedelta
    depth: Callable[[str], int | None] = _unknown_depth
    """The number of messages that wait in a queue; None when it is unknown, and then no message can
    be published."""

    def tick(self) -> int:
        """Enqueues everything due; returns how many."""
        window = orders.WakeWindow(
            self.deps.clock.now(), self.horizon, self.wake_timeout, LATE_AFTER
        )
        # Asked before any lock is taken, because Redis may hang.
        rooms = {queue: self._room(queue) for queue in (EXITS, EXECUTION, VALIDATION)}
        with self.deps.db.unit_of_work() as uow:
            orders.plan_anew(uow.session)
            children: list[orders.Due[int]] = []
            parents: list[orders.Due[str]] = []
            for queue, reduces in ((EXITS, True), (EXECUTION, False)):
                room = rooms[queue]
                if room <= 0:
                    continue
                children += orders.take_due_children(
                    uow.session, self.deps.account, window, room, reduces=reduces
                )
                parents += orders.take_due_parents(
                    uow.session, self.deps.account, window, room, reduces=reduces
                )
            room = rooms[VALIDATION]
            lost: Sequence[str] = ()
            if room > 0:
                lost = orders.take_lost_requests(uow.session, self.deps.account, window, room)
            uow.commit()
        for child in children:
            self.deps.task_queue.child(
                child.key, child.at, urgent=child.urgent, reduces=child.reduces
            )
        for parent in parents:
            self.deps.task_queue.parent(
                parent.key, parent.at, urgent=parent.urgent, reduces=parent.reduces
            )
        for request_id in lost:
            self.deps.task_queue.request(request_id)
        return len(children) + len(parents) + len(lost)

    def _room(self, queue: str) -> int:
        """The number of messages that this queue may get; later rows keep their order."""
        waiting = self.depth(queue)
        if waiting is None:
            return BATCH
        if waiting >= ENOUGH_WAITING:
            log.warning(
                "queue %s is long; nothing more is enqueued on it for now",
                queue,
                extra={
                    "event": "queue_is_long_nothing_more_is_woken_into_it",
                    "queue": queue,
                    "waiting": waiting,
                },
            )
        return min(BATCH, ENOUGH_WAITING - waiting)
