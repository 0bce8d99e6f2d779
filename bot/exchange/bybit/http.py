"""BybitExchange: the Exchange protocol over Bybit V5's HTTP interface, through pybit."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

from bot.clock import Clock, SystemClock
from bot.errors import OutcomeUnknown, Refused
from bot.exchange.bybit import body as bodies
from bot.exchange.bybit import parse, wallets
from bot.exchange.bybit.closures import Closures
from bot.exchange.bybit.config import BybitConfig
from bot.exchange.bybit.market_data import MarketData
from bot.exchange.bybit.readiness import Readiness
from bot.exchange.bybit.retcodes import GONE_CODES, is_unexpected
from bot.exchange.bybit.session import GuardedSession
from bot.exchange.protocol import (
    HEDGE_MODE,
    CancelOutcome,
    CashFlow,
    ExchangeOrder,
    ExchangePosition,
    Execution,
    OrderAck,
    OrderIntent,
    StopIntent,
    UnreadableFact,
    Wallet,
)

log = logging.getLogger(__name__)

T = TypeVar("T")
UNREADABLE_KEPT = 1000
"""The most unreadable rows that are kept for `take_unreadable`; each is in the log."""

# The largest pages that the endpoints take.
ORDERS_PAGE, EXECUTIONS_PAGE, POSITIONS_PAGE = 50, 100, 200
TRANSACTIONS_PAGE = 50
CASH_FLOWS = ("TRANSFER_IN", "TRANSFER_OUT")
"""Transaction types of deposits and withdrawals: money enters and leaves a unified account by
transfers."""
# execution/list refuses a window of more than seven days.
EXECUTION_WINDOW = timedelta(days=7)
_GONE = frozenset(f"ret_{code}" for code in GONE_CODES)


class BybitExchange(MarketData):
    """One account. Make it inside the process that uses it (Celery: `worker_process_init`)."""

    def __init__(
        self, config: BybitConfig, clock: Clock | None = None, closures: Closures | None = None
    ) -> None:
        known = clock or SystemClock()
        super().__init__(GuardedSession(config, known, closures), config, known)
        self._unreadable: list[UnreadableFact] = []

    def __repr__(self) -> str:
        return f"<BybitExchange {self._config.mode.value} {self._session!r}>"

    def close(self) -> None:
        """Closes the connections; the object can't be used afterwards."""
        self._session.close()

    @property
    def recv_window_ms(self) -> int:
        """How long after its time stamp the exchange accepts a request, in milliseconds."""
        return self._config.recv_window_ms

    @property
    def adding_window_ms(self) -> int:
        """How long after its time stamp the exchange accepts an order that adds risk."""
        return self._config.adding_window_ms

    @property
    def max_clock_offset_ms(self) -> int:
        """The most by which the exchange's clock may differ from ours."""
        return self._config.max_clock_offset_ms

    # Writes: each makes exactly one request.

    def order_body(self, intent: OrderIntent) -> dict[str, object]:
        """The request that `place` sends for an intent, with amounts as plain decimal text.

        Raises Refused when an amount has no exact text.
        """
        return bodies.order_body(intent, self._config)

    def stop_body(self, intent: StopIntent) -> dict[str, object]:
        """The request of a protective stop; see `Exchange.stop_body`."""
        return bodies.stop_body(intent, self._config)

    def place(self, body: Mapping[str, object], *, as_of: datetime | None = None) -> OrderAck:
        """Sends one order request, once; see `Exchange.place`."""
        bodies.check(body)
        # Only what provably reduces may arrive late: a halt is sealed after the shorter time.
        reduces = body.get("reduceOnly") is True
        window_ms = self.recv_window_ms if reduces else self.adding_window_ms
        with self._session.signed_as_of(as_of, window_ms=window_ms):
            result = self._session.write("place_order", **body)
        order_id, link_id = result.get("orderId"), result.get("orderLinkId")
        if not order_id or link_id != body["orderLinkId"]:
            # The reply is to another request, or to no order at all: only the exchange can tell.
            raise OutcomeUnknown("the reply is not about this order", code="bad_ack")
        return OrderAck(order_id=str(order_id), order_link_id=str(link_id))

    def cancel(self, symbol: str, order_link_id: str) -> CancelOutcome:
        """Asks for the cancel of one order, by its `order_link_id`; see `Exchange.cancel`."""
        try:
            self._session.write(
                "cancel_order",
                category=self._config.category,
                symbol=symbol,
                orderLinkId=order_link_id,
            )
        except OutcomeUnknown as error:
            if error.code not in _GONE:
                raise
            log.info(
                "an order to be cancelled was already gone",
                extra={"event": "order_was_already_gone", "order_link_id": order_link_id},
            )
            return CancelOutcome.GONE
        return CancelOutcome.TAKEN

    def cancel_all(self, symbol: str | None = None) -> Sequence[str]:
        """Cancels at most 500 orders a call: call it again until `open_orders` is empty."""
        where = {"symbol": symbol} if symbol else {"settleCoin": self._config.settle_coin}
        result = self._session.write(
            "cancel_all_orders",
            category=self._config.category,
            orderFilter="Order",  # without it protective stops would go as well
            **where,
        )
        rows = result.get("list")
        if not isinstance(rows, list) or str(result.get("success", "1")) != "1":
            raise OutcomeUnknown("cancel-all was not confirmed", code="bad_ack")
        return [str(row["orderLinkId"]) for row in rows if row.get("orderLinkId")]

    def is_unexpected(self, ret_code: int) -> bool:
        """Whether Bybit should never answer so in the products and modes that mlrisk uses."""
        return is_unexpected(ret_code)

    # Reads.

    def find_order(self, symbol: str, order_link_id: str) -> ExchangeOrder | None:
        """Looks among open orders, then in the history; None when the exchange shows none."""
        for method in ("get_open_orders", "get_order_history"):
            rows = self._session.pages(
                method, category=self._config.category, symbol=symbol, orderLinkId=order_link_id
            )
            for row in rows:
                if row.get("orderLinkId") == order_link_id and row.get("symbol") == symbol:
                    return parse.order(row)
        return None

    def open_orders(self) -> Sequence[ExchangeOrder]:
        """Orders that rest in the book; untriggered stops are `conditional_orders`."""
        return [order for order in self._all_open() if order.raw_status != "Untriggered"]

    def conditional_orders(self) -> Sequence[ExchangeOrder]:
        """Stops and other conditional orders that have not been triggered."""
        return [order for order in self._all_open() if order.raw_status == "Untriggered"]

    def _all_open(self) -> Sequence[ExchangeOrder]:
        rows = self._session.pages(
            "get_open_orders",
            category=self._config.category,
            settleCoin=self._config.settle_coin,
            openOnly=0,
            limit=ORDERS_PAGE,
        )
        found = self._readable("order", "orderId", rows, parse.order)
        return [order for order in found if not order.status.is_final]

    def executions(
        self, *, since: datetime | None = None, order_link_id: str | None = None
    ) -> Sequence[Execution]:
        """Oldest first, one entry per execId. `since` None and no id: the last seven days."""
        if order_link_id is not None:
            found = self._executions(orderLinkId=order_link_id)
            found = [e for e in found if e.order_link_id == order_link_id]
            return sorted(found, key=_by_time)
        if since is None:
            return sorted(self._executions(), key=_by_time)
        return sorted(self._executions_since(since), key=_by_time)

    def _executions_since(self, since: datetime) -> list[Execution]:
        found: dict[str, Execution] = {}
        for window in self._windows(since):
            found |= {e.exec_id: e for e in self._executions(**window)}
        return list(found.values())

    def _windows(self, since: datetime, *, ended: bool = False) -> Iterator[dict[str, object]]:
        """The windows in which a list of the past may be asked for, oldest first. The last window
        has no end unless `ended`."""
        start, now = since, self._clock.now()
        while True:
            window: dict[str, object] = {"startTime": parse.to_milliseconds(start)}
            is_last = start + EXECUTION_WINDOW >= now
            if ended or not is_last:
                window["endTime"] = parse.to_milliseconds(start + EXECUTION_WINDOW)
            # The last window has no end, so that a slow clock of ours hides nothing.
            yield window
            if is_last:
                return
            start += EXECUTION_WINDOW

    def _executions(self, **where: object) -> list[Execution]:
        rows = self._session.pages(
            "get_executions", category=self._config.category, limit=EXECUTIONS_PAGE, **where
        )
        coin = self._config.settle_coin
        # The list has orders of every settle coin; positions are of ours alone.
        unique = {str(row.get("execId")): row for row in rows if self.covers(row.get("symbol"))}
        return self._readable(
            "execution", "execId", unique.values(), partial(parse.execution, settle_coin=coin)
        )

    def positions(self) -> Sequence[ExchangePosition]:
        """Positions with a size. Hedge mode is refused: two rows a symbol can't be one net."""
        rows = list(
            self._session.pages(
                "get_positions",
                category=self._config.category,
                settleCoin=self._config.settle_coin,
                limit=POSITIONS_PAGE,
            )
        )
        if any(row.get("positionIdx") not in (0, None) for row in rows):
            raise Refused("the account is in hedge mode; one-way mode is needed", code=HEDGE_MODE)
        found = self._readable("position", "symbol", rows, parse.position)
        return [position for position in found if position.qty]

    def covers(self, symbol: object) -> bool:
        """Whether the symbol settles in the configured coin."""
        return parse.settles_in(symbol, self._config.settle_coin)

    def take_unreadable(self) -> Sequence[UnreadableFact]:
        """The unreadable rows since the last call; each is returned once."""
        found, self._unreadable = self._unreadable, []
        return found

    def _readable(
        self, kind: str, key: str, rows: Iterable[parse.Row], read: Callable[[parse.Row], T]
    ) -> list[T]:
        """The readable rows; the others are logged and kept for `take_unreadable`."""
        found = []
        for row in rows:
            try:
                found.append(read(row))
            except parse.UnreadableRow as error:
                name, symbol = str(row.get(key)), str(row.get("symbol"))
                log.error(
                    "the %s from the exchange can't be read: %s",
                    kind,
                    error,
                    extra={"event": "an_cant_be_read", "key": name},
                )
                if len(self._unreadable) < UNREADABLE_KEPT:
                    self._unreadable.append(
                        UnreadableFact(kind, name, symbol, error.message, str(dict(row))[:2000])
                    )
        return found

    def wallet(self) -> Wallet:
        """The unified account's equity and margin, in the settle coin.

        Raises UnreadableRow when the answer is not one readable account.
        """
        rows = self._session.read("get_wallet_balance", accountType="UNIFIED").get("list")
        if not isinstance(rows, list) or len(rows) != 1:
            raise parse.UnreadableRow("list", rows)
        return wallets.wallet(rows[0], settle_coin=self._config.settle_coin)

    def cash_flows(self, *, since: datetime) -> Sequence[CashFlow]:
        """Deposits, withdrawals and transfers since a moment, each once.

        See `Exchange.cash_flows`.
        """
        found: dict[str, CashFlow] = {}
        for kind in CASH_FLOWS:
            # Without an end this list stops a day after its start.
            for window in self._windows(since, ended=True):
                rows = self._session.pages(
                    "get_transaction_log",
                    accountType="UNIFIED",
                    type=kind,
                    limit=TRANSACTIONS_PAGE,
                    **window,
                )
                found |= {flow.flow_id: flow for flow in map(parse.cash_flow, rows)}
        return sorted(found.values(), key=lambda flow: (flow.at, flow.flow_id))

    # Start-up.

    def account_uid(self) -> str:
        """The number of the account that the key belongs to."""
        uid = self._session.read("get_api_key_information").get("userID")
        if not uid or not parse.is_digits(str(uid)):
            raise parse.UnreadableRow("userID", uid)
        return str(uid)

    def is_ready(self, symbols: Sequence[str] = ()) -> None:
        """Whether key, account, clock and position mode are fit; raises Refused with all that is
        wrong."""
        readiness = Readiness(self._session, self._config, self.clock_offset_ms, self.positions)
        readiness.check(symbols)


def _by_time(execution: Execution) -> tuple[datetime, str]:
    return execution.executed_at, execution.exec_id
