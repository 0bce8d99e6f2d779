"""Ends many parents at once, in sets, for a halt. `lifecycle.stop` ends a single parent and has the
rules; the statements here reach the children of many.

Each batch is one transaction of a fixed number of statements, however many slices its parents
have. A parent that somebody else holds is left for last, so that it keeps no other waiting.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import ColumnElement, true
from sqlalchemy.exc import DBAPIError

from bot.clock import Clock
from bot.execution.orders import lifecycle, request_status, transitions
from bot.execution.orders.reasons import Reason
from bot.execution.ports import DispatcherOnly, OrderWork
from models.amounts import ZERO, plain
from models.database import Database
from models.enums import ExecutionStatus
from models.locks import lock_open_parents, lock_reservations
from models.repositories.trading import stopping
from models.repositories.trading.stopping import Ended
from models.tables import ParentOrderRow

BATCH = 200
"""Parents of one transaction; with a hundred slices each it takes about two seconds."""


@dataclass(slots=True)
class Stopped:
    """The parents that were ended, and those that could not be."""

    parents: int = 0
    children: int = 0
    held: tuple[str, ...] = ()
    """Request ids of parents that somebody else has locked."""
    exits: int = 0
    """Reduce-only parents that go on."""


@dataclass(frozen=True, slots=True)
class _Which:
    """The parents that are to end."""

    exits: bool
    only: ColumnElement[bool]


class ParentStopper:
    """Ends open parents."""

    def __init__(self, db: Database, clock: Clock, *, lock_wait_ms: int) -> None:
        self._db = db
        self._clock = clock
        self._lock_wait_ms = lock_wait_ms

    def stop_all(
        self, reason: Reason, actor: str, *, exits: bool, only: ColumnElement[bool] | None = None
    ) -> Stopped:
        """Ends parents that add risk and, if asked, exits. A second call ends nothing twice.

        `only` is a condition on parents; all by default.
        """
        which = _Which(exits, true() if only is None else only)
        found = Stopped()
        self._pass(found, reason, actor, which, lock_wait_ms=None)
        if self._left(which):
            try:
                self._pass(found, reason, actor, which, lock_wait_ms=self._lock_wait_ms)
            except DBAPIError:
                self._pass(found, reason, actor, which, lock_wait_ms=None)
        found.held = tuple(self._left(which))
        if not exits:
            found.exits = len(self._left(replace(which, exits=True))) - len(found.held)
        return found

    def _pass(
        self, found: Stopped, reason: Reason, actor: str, which: _Which, *, lock_wait_ms: int | None
    ) -> None:
        """Ends every parent that is not locked; waits the given time for each locked one."""
        after = ""
        while True:
            with OrderWork(self._db, self._clock, DispatcherOnly()) as uow:
                parents = lock_open_parents(
                    uow.session,
                    after,
                    BATCH,
                    exits=which.exits,
                    wait_ms=lock_wait_ms,
                    only=which.only,
                )
                if not parents:
                    return
                children = _stop(uow, parents, reason, actor)
                uow.commit()
            found.parents += len(parents)
            found.children += children
            after = parents[-1].request_id

    def _left(self, which: _Which) -> Sequence[str]:
        with self._db.reading() as session:
            return stopping.not_stopped(session, exits=which.exits, only=which.only)


def _stop(uow: OrderWork, parents: Sequence[ParentOrderRow], reason: Reason, actor: str) -> int:
    ids = [parent.request_id for parent in parents]
    ended = transitions.end_all_planned(uow, ids, reason.words)
    stopping.request_cancels(uow.session, ids, uow.now)
    still_open = stopping.still_open(uow.session, ids)
    lock_reservations(uow.session, ids)
    statuses: dict[ExecutionStatus, list[str]] = {}
    for parent in parents:
        own = ended.get(parent.request_id, ())
        transitions.begin_to_stop(parent, reason)
        _account_for(uow, parent, own, actor)
        left = still_open.get(parent.request_id)
        # The dispatcher enqueues its steps: a message for each would delay the halt.
        status = lifecycle.settle_stopped(
            uow, parent, still_open=left is not None, rests=left is not None and left.rests
        )
        if status is not None:
            statuses.setdefault(status, []).append(parent.request_id)
    for status, those in statuses.items():
        request_status.end_requests(uow, those, status)
    return sum(len(own) for own in ended.values())


def _account_for(
    uow: OrderWork, parent: ParentOrderRow, ended: Sequence[Ended], actor: str
) -> None:
    rest = sum((child.rest for child in ended), ZERO)
    lifecycle.keep_or_release(uow, parent, rest)
    uow.add_entry(
        parent.account,
        "parent_stopped",
        parent.request_id,
        actor,
        {
            "reason": parent.stop_reason,
            "children": [child.order_link_id for child in ended],
            "rest": plain(rest),
        },
    )
