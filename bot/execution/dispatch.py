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
    """Wakes one account's due children, stepped parents to look at, and requests whose validation
    never came."""

    db: Database
    account: str
    clock: Clock
    wakeups: Wakeups
    horizon: timedelta
    wake_timeout: timedelta

    def tick(self) -> int:
        """Wakes what needs it; returns how many."""
        window = orders.WakeWindow(self.clock.now(), self.horizon, self.wake_timeout)
        with self.db.unit_of_work() as uow:
            orders.plan_anew(uow.session)
            children = orders.take_due_children(uow.session, self.account, window, BATCH)
            parents = orders.take_due_parents(uow.session, self.account, window, BATCH)
            lost = orders.take_lost_requests(uow.session, self.account, window, BATCH)
            uow.commit()
        for child in children:
            self.wakeups.child(child.key, child.at, urgent=child.urgent)
        for parent in parents:
            self.wakeups.parent(parent.key, parent.at, urgent=parent.urgent)
        for request_id in lost:
            self.wakeups.request(request_id)
        return len(children) + len(parents) + len(lost)
