"""Reading the exchange's executions into our fills."""

from datetime import timedelta

from bot.exchange.protocol import Execution
from bot.execution.booking.fills import FillBook
from bot.execution.ports import Deps
from models.repositories.trading import orders

EXECUTION_OVERLAP = timedelta(minutes=5)
"""Executions are read again from this long before the newest stored one."""


class Executions:
    """Reads one account's executions; each is stored once."""

    def __init__(self, deps: Deps, fills: FillBook) -> None:
        self._db = deps.db
        self._exchange = deps.exchange
        self._account = deps.account
        self._clock = deps.clock
        self._fills = fills

    def read_newest(self) -> int:
        """Reads executions since the newest stored one; returns how many were new."""
        with self._db.reading() as session:
            newest = orders.newest_fill_time(session, self._account)
        since = None if newest is None else newest - EXECUTION_OVERLAP
        return sum(self._apply(execution) for execution in self._exchange.executions(since=since))

    def read_of(self, link_id: str) -> None:
        """Reads the executions of one order."""
        for execution in self._exchange.executions(order_link_id=link_id):
            self._apply(execution)

    def _apply(self, execution: Execution) -> bool:
        return self._fills.apply_execution(execution, self._clock.now(), source="reconcile")
