"""Deposits, withdrawals and transfers: read from the exchange, and no profit or loss of ours."""

import logging
from datetime import datetime, timedelta

from bot.clock import Clock
from bot.errors import MlriskError
from bot.exchange.protocol import Exchange
from models.database import Database
from models.repositories import bases
from models.repositories.bases import Flow

log = logging.getLogger(__name__)

OVERLAP = timedelta(minutes=5)
"""The transaction log is read again from this long before the last reading."""
AT_PAR = frozenset({"USDT", "USDC", "USD"})
"""Coins that count as much as equity's own unit; a flow of another is for a person to look at."""


class CashFlows:
    """Keeps one account's bases in the money of now."""

    def __init__(self, db: Database, exchange: Exchange, account: str, clock: Clock) -> None:
        self._db = db
        self._exchange = exchange
        self._account = account
        self._clock = clock

    def read(self) -> int:
        """Books what is new and confirms the newest readings; returns how many flows were new.

        A log that can't be read is no reason not to judge losses: after a minute readings count
        without it.
        """
        with self._db.reading() as session:
            day = bases.newest_day(session, self._account)
        if day is None:
            return 0
        asked_at = self._clock.now()
        since = (day.flows_read_at or day.start_at or asked_at) - OVERLAP
        try:
            flows = self._exchange.cash_flows(since=since)
        except MlriskError as error:
            log.warning("cash flows can't be read: %s", error)
            return self._book((), None)
        return self._book(
            [Flow(f.flow_id, f.kind, f.currency, f.amount, f.at) for f in flows], asked_at
        )

    def _book(self, flows: "list[Flow] | tuple[()]", read_at: datetime | None) -> int:
        new, now = 0, self._clock.now()
        with self._db.unit_of_work() as uow:
            for flow in flows:
                valued = flow.currency in AT_PAR
                if not bases.book_flow(uow.session, self._account, flow, now, valued=valued):
                    continue
                new += 1
                if not valued:
                    log.critical(
                        "a cash flow in %s has no value here: losses may look wrong",
                        flow.currency,
                        extra={"flow_id": flow.flow_id},
                    )
                uow.audit(
                    self._account,
                    "cash_flow",
                    flow.flow_id,
                    "exchange",
                    {
                        "kind": flow.kind,
                        "currency": flow.currency,
                        "amount": format(flow.amount, "f"),
                        "at": flow.at.isoformat(),
                        "valued": valued,
                    },
                    now,
                )
            day = bases.newest_day(uow.session, self._account, lock=True)
            if day is not None and read_at is not None:
                day.flows_read_at = read_at
            uow.session.flush()
            bases.confirm(uow.session, self._account, now)
            uow.commit()
        return new
