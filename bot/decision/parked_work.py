"""Parked work, requests as well as trades, which operators release or end."""

from dataclasses import dataclass

from bot.authority.actors import Actor
from bot.clock import Clock
from bot.decision.parking import ParkedRequests
from bot.execution.orders.control import ParentControl
from bot.execution.ports import TaskQueue
from models.database import Database
from models.tables import ParentOrderRow


@dataclass(frozen=True, slots=True)
class ParkedWork:
    """Releases and ends parked work, requests as well as trades, for operators."""

    db: Database
    clock: Clock
    task_queue: TaskQueue

    def release(self, request_id: str, *, reason: str, actor: Actor) -> str:
        """Lets parked work go on; returns its new state.

        Raises Refused, and NotAuthorised where this needs a login.
        """
        if not self._is_set_aside(request_id):
            requests = ParkedRequests(self.db, self.clock, self.task_queue)
            return requests.release(request_id, reason=reason, actor=actor).status
        return self._control().resume(request_id, reason=reason, actor=actor).after.value

    def end(self, request_id: str, *, reason: str, actor: Actor) -> str:
        """Ends parked work for good; returns its new state. Raises Refused."""
        if not self._is_set_aside(request_id):
            requests = ParkedRequests(self.db, self.clock, self.task_queue)
            return requests.end(request_id, reason=reason, actor=actor).status
        return self._control().cancel(request_id, reason=reason, actor=actor).after.value

    def _control(self) -> ParentControl:
        return ParentControl(self.db, self.clock, self.task_queue)

    def _is_set_aside(self, request_id: str) -> bool:
        with self.db.reading() as session:
            parent = session.get(ParentOrderRow, request_id)
        return parent is not None and parent.set_aside_at is not None
