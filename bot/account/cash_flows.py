"""Deposits, withdrawals and transfers: read from the exchange, and no profit or loss of ours."""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from bot.errors import MlriskError
from bot.exchange.protocol import CashFlow, CoinPrice, Wallet
from bot.execution.booking.coin_prices import price_at
from bot.execution.ports import Deps
from models.database import UnitOfWork
from models.repositories.safety import bases
from models.repositories.safety.bases import Flow

log = logging.getLogger(__name__)

OVERLAP = timedelta(minutes=5)
"""The transaction log is read again from this long before the last reading."""
AT_PAR = frozenset({"USDT", "USDC", "USD"})
"""Coins that count as much as equity's own unit."""
PATIENCE = timedelta(minutes=10)
"""After so long of failing to answer, the exchange is taken to know no price of a flow."""


class CashFlows:
    """Scales the equity readings, from which one account's losses are measured, by its cash
    flows."""

    def __init__(self, deps: Deps) -> None:
        self._db = deps.db
        self._exchange = deps.exchange
        self._account = deps.account
        self._clock = deps.clock
        self._waiting_since: dict[str, datetime] = {}

    def read(self, wallet: Wallet) -> int:
        """Books new flows and confirms the newest readings; returns how many flows were new.

        `wallet` is the newest reading. It says which coins the equity counts.

        Losses are judged even while the log can't be read: after a minute, readings count without
        it. The same holds for a flow without a price at present; the other flows are booked.
        """
        with self._db.reading() as session:
            day = bases.newest_day(session, self._account)
        if day is None:
            return 0
        asked_at: datetime | None = self._clock.now()
        since = (day.flows_read_at or day.start_at or self._clock.now()) - OVERLAP
        flows: list[Flow] = []
        try:
            for flow in self._news(self._exchange.cash_flows(since=since)):
                valued = self._valued(flow, wallet)
                if valued is None:
                    asked_at = None  # once this flow is booked, the log counts as read up to here
                else:
                    flows.append(valued)
        except MlriskError as error:
            log.warning("cash flows can't be read: %s", error)
            return self._book((), None)
        return self._book(flows, asked_at)

    def _news(self, flows: Sequence[CashFlow]) -> list[CashFlow]:
        if not flows:
            return []
        with self._db.reading() as session:
            known = bases.known_flows(session, self._account, [flow.flow_id for flow in flows])
        return [flow for flow in flows if flow.flow_id not in known]

    def _valued(self, flow: CashFlow, wallet: Wallet) -> Flow | None:
        """The flow with the price of its coin; None when the price can't be asked for now."""
        price: CoinPrice | None = CoinPrice(Decimal(1), "at par")
        if flow.currency not in AT_PAR:
            try:
                price = self._price(flow, wallet)
            except MlriskError as error:
                log.warning("the price of %s can't be read now: %s", flow.currency, error)
                now = self._clock.now()
                if now - self._waiting_since.setdefault(flow.flow_id, now) < PATIENCE:
                    return None
                price = None
        return Flow(
            flow.flow_id,
            flow.kind,
            flow.currency,
            flow.amount,
            flow.at,
            None if price is None else price.price,
            None if price is None else price.source,
        )

    def _price(self, flow: CashFlow, wallet: Wallet) -> CoinPrice | None:
        if wallet.settle_coin_only:
            return CoinPrice(Decimal(0), "equity does not count it")
        return price_at(self._exchange, flow.currency, flow.at, self._clock.now())

    def _book(self, flows: Sequence[Flow], read_at: datetime | None) -> int:
        new, now = 0, self._clock.now()
        with self._db.unit_of_work() as uow:
            for flow in flows:
                if not bases.book_flow(uow.session, self._account, flow, now):
                    continue
                new += 1
                self._tell(uow, flow, now)
            day = bases.newest_day(uow.session, self._account, lock=True)
            if day is not None and read_at is not None:
                day.flows_read_at = read_at
            uow.session.flush()
            for row in bases.settle_unvalued(uow.session, self._account, now):
                details = {"share": format(row.share or Decimal(1), "f")}
                uow.audit(self._account, "cash_flow_settled", row.flow_id, "exchange", details, now)
            bases.confirm(uow.session, self._account, now)
            uow.commit()
        return new

    def _tell(self, uow: UnitOfWork, flow: Flow, now: datetime) -> None:
        value = flow.value
        if value is None:
            log.critical(
                "no price is known for a cash flow in %s: a deposit counts as the whole rise of "
                "the account, a withdrawal as a loss",
                flow.currency,
                extra={
                    "event": "nobody_can_say_what_a_cash_flow_in_is_worth_a_deposit_counts_as_"
                    "all_that_the_acc",
                    "flow_id": flow.flow_id,
                },
            )
        details = {
            "kind": flow.kind,
            "currency": flow.currency,
            "amount": format(flow.amount, "f"),
            "at": flow.at.isoformat(),
            "value": None if value is None else format(value, "f"),
            "price_source": flow.price_source,
        }
        uow.audit(self._account, "cash_flow", flow.flow_id, "exchange", details, now)
