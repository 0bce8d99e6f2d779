"""The dispatcher: finds what is due and wakes it, however its first wake-up was lost."""

from dataclasses import dataclass
from datetime import timedelta

from bot.clock import Clock
from bot.execution.ports import Wakeups
from models.database import Database
from models.repositories import orders

BATCH = 500
"""A tick never wakes more: the rest is found by the next tick, and the queue stays short."""


@dataclass(frozen=True, slots=True)
class Dispatcher:
    """Wakes due children and requests whose validation never came."""

    db: Database
    clock: Clock
    wakeups: Wakeups
    horizon: timedelta
    wake_timeout: timedelta

    def tick(self) -> int:
        """Wakes what needs it; returns how many."""
        now = self.clock.now()
        with self.db.unit_of_work() as uow:
            children = orders.take_due_children(
                uow.session,
                now=now,
                horizon=self.horizon,
                wake_timeout=self.wake_timeout,
                limit=BATCH,
            )
            requests = orders.take_lost_requests(
                uow.session, now=now, wake_timeout=self.wake_timeout, limit=BATCH
            )
            due = [(child.child_id, child.due_at) for child in children]
            lost = [request.request_id for request in requests]
            uow.commit()
        for child_id, due_at in due:
            self.wakeups.child(child_id, due_at)
        for request_id in lost:
            self.wakeups.request(request_id)
        return len(due) + len(lost)
