"""Orders of ours that turn up at the exchange after their children have ended here."""

import logging
from datetime import datetime, timedelta

from sqlalchemy import select

from bot.errors import MlriskError
from bot.execution.booking import belonging
from bot.execution.booking.executions import Executions
from bot.execution.orders.one_by_one import each
from bot.execution.ports import Deps
from bot.execution.sending.cancelling import Cancels
from models.locks import lock_order
from models.open_rows import CHILD_WAS_GIVEN_UP
from models.tables import ChildOrderRow

log = logging.getLogger(__name__)

EXPIRED_RECHECK = timedelta(seconds=60)
"""After this long, an order that was given up as never taken is looked for once more."""


class LateOrders:
    """Cancels one account's late orders, and reads their fills."""

    def __init__(self, deps: Deps, executions: Executions, cancels: Cancels) -> None:
        self._db = deps.db
        self._exchange = deps.exchange
        self._account = deps.account
        self._clock = deps.clock
        self._executions = executions
        self._cancels = cancels

    def recheck_expired(self) -> int:
        """Looks once more for orders that were given up; one that turns up is cancelled."""
        now = self._clock.now()
        with self._db.reading() as session:
            given_up = session.scalars(
                select(ChildOrderRow).where(
                    ChildOrderRow.account == self._account,
                    CHILD_WAS_GIVEN_UP,
                    ChildOrderRow.absences == 0,
                    ChildOrderRow.final_at.between(
                        now - 3 * EXPIRED_RECHECK, now - EXPIRED_RECHECK
                    ),
                )
            ).all()
        return sum(
            each(
                given_up,
                lambda child: self._recheck(child, now),
                "an order that was given up can't be looked up again",
            )
        )

    def _recheck(self, child: ChildOrderRow, now: datetime) -> int:
        order = self._exchange.find_order(child.symbol, child.order_link_id)
        if order is None or not belonging.is_own(self._db, self._account, child, order):
            self._looked(child, None)
            return 0
        if not order.status.is_final:
            self._cancels.send(child.symbol, child.order_link_id)
        self._executions.read_of(child.order_link_id)
        self._note("late_order", child.order_link_id, {"order_id": order.order_id}, now)
        self._looked(child, order.order_id)
        return 1

    def _looked(self, child: ChildOrderRow, order_id: str | None) -> None:
        """The look is counted in the row; otherwise every sweep of two minutes would look again."""
        with self._db.unit_of_work() as uow:
            found = lock_order(uow.session, child.child_id)
            if found is None:
                return
            if order_id is None:
                found[1].absences += 1
            else:
                found[1].exchange_order_id = order_id
            uow.commit()

    def call_back(self, child: ChildOrderRow) -> bool:
        """Cancels an order of ours that rests although its child has ended here.

        The next reconciliation repeats a call that fails.
        """
        try:
            order = self._cancels.call_back(child.symbol, child.order_link_id)
            if order is None:
                return False
            self._executions.read_of(child.order_link_id)
        except MlriskError as error:
            log.critical(
                "an order rests although its child has ended, and it can't be cancelled: %s",
                error,
                extra={
                    "event": "an_order_of_ours_rests_without_a_child_and_cant_be_cancelled",
                    "child": child.order_link_id,
                },
            )
            return False
        log.critical(
            "an order rested although its child had ended; it is cancelled",
            extra={
                "event": "an_order_of_ours_rested_although_its_child_had_ended_it_is_cancelled",
                "order_id": order.order_id,
                "child": child.order_link_id,
            },
        )
        details = {"order_id": order.order_id, "child_state": child.state}
        self._note("order_called_back", child.order_link_id, details, self._clock.now())
        return True

    def _note(self, kind: str, subject: str, payload: dict[str, str], now: datetime) -> None:
        with self._db.unit_of_work() as uow:
            uow.audit(self._account, kind, subject, "reconcile", dict(payload), now)
            uow.commit()
