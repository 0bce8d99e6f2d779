"""Facts from the exchange: executions and order records, applied once, in any order.

Executions make fills and positions; order records only make states. A child is final when the
exchange says so and our fills add up to the exchange's filled quantity.
"""

import logging
from datetime import datetime
from decimal import Decimal

from sqlalchemy.exc import DataError

from bot.clock import FixedClock
from bot.exchange.protocol import ExchangeOrder, Execution
from bot.execution.booking import (
    belonging,
    endings,
    fees,
    ledger,
    other_fees,
    unreadable,
    venue_acts,
)
from bot.execution.orders import lifecycle, transitions
from bot.execution.orders.identity import PREFIX, is_direct_exit, is_protective_stop
from bot.execution.orders.lifecycle import Ending
from bot.execution.orders.parents import is_urgent, take_back
from bot.execution.orders.reasons import Reason
from bot.execution.ports import OrderWork, TaskQueue
from bot.failpoints import (
    AFTER_FILL_COMMIT,
    AFTER_RECORD_COMMIT,
    BEFORE_FILL_COMMIT,
    BEFORE_RECORD_COMMIT,
    hit,
)
from models.database import Database
from models.enums import ChildState
from models.inserting import insert_unless_known
from models.locks import lock_order, lock_order_of_link, lock_reservation
from models.repositories import portfolio, shares
from models.repositories.trading import orders
from models.tables import ChildOrderRow, FillRow, ParentOrderRow, PositionRow

log = logging.getLogger(__name__)


class FillBook:
    """Applies the exchange's reports to one account's rows."""

    def __init__(self, db: Database, account: str, task_queue: TaskQueue) -> None:
        self._db = db
        self._account = account
        self._task_queue = task_queue

    def _work(self, now: datetime) -> OrderWork:
        """A transaction of the time at which the exchange's report came."""
        return OrderWork(self._db, FixedClock(now), self._task_queue)

    def apply_execution(self, execution: Execution, now: datetime, *, source: str) -> bool:
        """Stores an execution once; returns whether it was new. A second report of the same execId
        changes nothing. An execution that no row can keep is parked."""
        try:
            return self._apply_execution(execution, source, now)
        except (DataError, ArithmeticError) as error:
            fact = unreadable.of_execution(execution, error)
            unreadable.park(self._db, self._account, [fact], now)
            return False

    def _apply_execution(self, execution: Execution, source: str, now: datetime) -> bool:
        with self._work(now) as uow:
            found = lock_order_of_link(uow.session, self._account, execution.order_link_id)
            why = found and belonging.execution_mismatch(self._account, *found, execution)
            parent, child = (None, None) if found is None or why else found
            if not self._store(uow, execution, child, source):
                uow.commit()  # a rollback would cost the connection's prepared statements
                return False
            act = venue_acts.act_of(execution)
            if act is not None:
                venue_acts.note_execution(uow, self._account, act, execution, now)
            if execution.moves_position:
                position = self._position(uow, execution)
                other_fees.keep(uow.session, self._account, execution, parent, position, now)
                realised = ledger.book_trade(position, execution, now)
                self._move_share(uow, execution, parent)
                if parent is not None and child is not None:
                    parent.realised_pnl += realised
                    self._credit(uow, parent, child, execution)
                    self._end_if_complete(uow, parent, child)
                elif why is not None:
                    log.critical(
                        "a fill names one of our orders and does not belong to it: %s",
                        why,
                        extra={
                            "event": "a_fill_is_not_that_of_the_order_whose_id_it_has",
                            "exec_id": execution.exec_id,
                            "child": execution.order_link_id,
                        },
                    )
                    self._report(uow, "foreign_fill", execution, why=why)
                elif is_protective_stop(execution.order_link_id):
                    self._report(uow, "protective_stop_fill", execution)
                elif is_direct_exit(execution.order_link_id):
                    self._report(uow, "direct_exit_fill", execution)
                elif execution.order_link_id.startswith(PREFIX):
                    self._report(uow, "fill_without_child", execution)
                elif act is None:
                    self._report(uow, "foreign_fill", execution)
            else:
                ledger.book_cash(self._position(uow, execution), execution, now)
            uow.judge_breakers()
            algorithm = "" if parent is None else parent.algorithm
            hit(BEFORE_FILL_COMMIT, algorithm)
            uow.commit()
            hit(AFTER_FILL_COMMIT, algorithm)
            return True

    def apply_order(self, order: ExchangeOrder, now: datetime) -> None:
        """Brings a child in line with the exchange's record of its order; never back from a final
        state.

        A record that no row can keep is parked.
        """
        try:
            self._apply_order(order, now)
        except (DataError, ArithmeticError) as error:
            fact = unreadable.of_order(order, error)
            unreadable.park(self._db, self._account, [fact], now)

    def _apply_order(self, order: ExchangeOrder, now: datetime) -> None:
        with self._db.reading() as session:
            child_id = orders.open_child_by_link_id(session, self._account, order.order_link_id)
        if child_id is None:
            # A final state stays: most order records come after the fills and end here.
            return
        with self._work(now) as uow:
            found = lock_order(uow.session, child_id)
            if found is None or not self._is_news(found[1], order):
                return
            parent, child = found
            why = belonging.order_mismatch(self._account, parent, child, order)
            if why is not None:
                self._disown(uow, child, order, why)
                return
            self._adopt(uow, parent, child, order)
            hit(BEFORE_RECORD_COMMIT, parent.algorithm)
            uow.commit()
        hit(AFTER_RECORD_COMMIT, parent.algorithm)

    def _store(
        self, uow: OrderWork, execution: Execution, child: ChildOrderRow | None, source: str
    ) -> bool:
        return insert_unless_known(
            uow.session,
            FillRow(
                account=self._account,
                exec_id=execution.exec_id,
                child_id=None if child is None else child.child_id,
                order_id=execution.order_id,
                order_link_id=execution.order_link_id,
                symbol=execution.symbol,
                side=execution.side,
                qty=execution.qty,
                price=execution.price,
                fee=execution.fee,
                fee_currency=execution.fee_currency,
                is_maker=execution.is_maker,
                exec_type=execution.exec_type,
                executed_at=execution.executed_at,
                recorded_at=uow.now,
                source=source,
            ),
        )

    def _credit(
        self,
        uow: OrderWork,
        parent: ParentOrderRow,
        child: ChildOrderRow,
        execution: Execution,
    ) -> None:
        """Counts a fill on child, parent and reservation."""
        was_final = child.state.is_final
        room = parent.approved_qty - parent.filled_qty
        counted = min(execution.qty, room)
        transitions.fill(uow, child, execution)
        parent.filled_notional += execution.qty * execution.price
        # A fee in a third coin is added once its price is known (`other_fees`).
        parent.fees += fees.known(execution)
        if counted < execution.qty:
            self._report(uow, "overfill", execution)
        still_held = execution.qty
        if was_final:
            # The child had ended and its rest was released: the late fill takes it back.
            still_held -= take_back(uow, parent, counted)
            self._report(uow, "late_fill", execution)
        parent.filled_qty += counted
        reservation = lock_reservation(uow.session, parent.request_id)
        if reservation is not None:
            reservation.open_qty = max(Decimal(0), reservation.open_qty - still_held)
        if was_final:
            lifecycle.after_late_fill(uow, parent)

    def _position(self, uow: OrderWork, execution: Execution) -> PositionRow:
        return portfolio.lock_position(uow.session, self._account, execution.symbol, uow.now)

    def _move_share(
        self, uow: OrderWork, execution: Execution, parent: ParentOrderRow | None
    ) -> None:
        """Moves the strategy's share of the position. The exchange, a person and an emergency exit
        close every strategy's share."""
        shares.move(
            uow.session,
            self._account,
            execution.symbol,
            shares.NOBODY if parent is None else parent.strategy,
            execution.qty * execution.side.sign,
            uow.now,
            takes=parent is None or is_urgent(parent),
        )

    def _end_if_complete(
        self, uow: OrderWork, parent: ParentOrderRow, child: ChildOrderRow
    ) -> None:
        """Ends a child once its fills have caught up with the exchange's last word."""
        if child.state.is_final:
            return
        if child.filled_qty >= child.qty:
            ending = Ending(ChildState.FILLED, Reason("filled"))
            lifecycle.end_child(uow, parent, child, ending)
            return
        if child.exchange_status is None:
            return
        status = child.exchange_status
        if status.is_final and child.filled_qty >= (child.exchange_filled_qty or 0):
            endings.end_as_told(uow, parent, child, status)

    def _is_news(self, child: ChildOrderRow, order: ExchangeOrder) -> bool:
        if child.state.is_final:
            return False
        known = child.exchange_filled_qty or Decimal(0)
        if child.exchange_status is not None and child.exchange_status.is_final:
            # Never back from a final word; only a larger cumulative quantity corrects it.
            return order.status.is_final and order.filled_qty > known
        return order.filled_qty >= known

    def _adopt(
        self, uow: OrderWork, parent: ParentOrderRow, child: ChildOrderRow, order: ExchangeOrder
    ) -> None:
        if transitions.adopt(uow, child, order):
            endings.end_as_told(uow, parent, child, order.status)

    def _disown(self, uow: OrderWork, child: ChildOrderRow, order: ExchangeOrder, why: str) -> None:
        belonging.log_foreign(child, order, why, logging.CRITICAL)
        details = {"order_id": order.order_id, "child": child.order_link_id, "why": why}
        uow.add_entry(self._account, "foreign_order", child.request_id, "exchange", details)
        uow.commit()

    def _report(self, uow: OrderWork, kind: str, execution: Execution, *, why: str = "") -> None:
        uow.add_entry(
            self._account,
            kind,
            execution.order_link_id or execution.order_id,
            "exchange",
            {
                "exec_id": execution.exec_id,
                "symbol": execution.symbol,
                "side": execution.side.value,
                "qty": format(execution.qty, "f"),
                "price": format(execution.price, "f"),
                **({"why": why} if why else {}),
            },
        )
