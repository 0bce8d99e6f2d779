"""An account's queries: orders, executions, positions, wallet and ledger, with their lags."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

from paper_exchange.engine.accounts.account import ZERO, Account, Position
from paper_exchange.engine.accounts.records import (
    closed_pnl_record,
    log_record,
    position_record,
    wallet_record,
)
from paper_exchange.engine.orders.order import PENDING, Order
from paper_exchange.engine.orders.rejects import reject
from paper_exchange.engine.orders.trading import matches_filter
from paper_exchange.engine.records import execution_record, order_record
from paper_exchange.engine.retention import UNFILLED_MS, is_shown
from paper_exchange.engine.world import World

DAY_MS: Final = 86_400_000
WINDOW_MS: Final = 7 * DAY_MS


def time_of(params: Mapping[str, Any], name: str) -> int | None:
    """A time parameter in milliseconds; None when absent. Raises Reject when it is no number."""
    raw = params.get(name)
    if raw in (None, ""):
        return None
    if isinstance(raw, bool) or not str(raw).isdigit():
        raise reject("param", f"{name} invalid")
    return int(str(raw))


def window_of(params: Mapping[str, Any], now: int, default_ms: int = WINDOW_MS) -> tuple[int, int]:
    """startTime and endTime, completed as Bybit does; at most seven days apart."""
    start, end = time_of(params, "startTime"), time_of(params, "endTime")
    if start is None and end is None:
        return now - default_ms, now
    if start is None:
        end = end if end is not None else now
        start = end - default_ms
    if end is None:
        end = start + default_ms
    if end - start > WINDOW_MS:
        raise reject("param", "The time range between startTime and endTime cannot exceed 7 days")
    return start, end


class Queries:
    """Read-only queries. Every row has Bybit's field names and text formats."""

    def __init__(self, world: World) -> None:
        self.world = world

    # Orders

    def _market_filter(self, order: Order, params: Mapping[str, Any]) -> bool:
        market = order.market
        if params.get("symbol"):
            return bool(market.symbol == params["symbol"])
        if params.get("baseCoin"):
            return bool(market.base == params["baseCoin"])
        if params.get("settleCoin"):
            return bool(market.quote == params["settleCoin"])
        return True

    def _by_id(self, account: Account, params: Mapping[str, Any]) -> list[Order] | None:
        """The order that a request names by id; None when the request names none."""
        if params.get("orderId"):
            found = account.orders.get(str(params["orderId"]))
        elif params.get("orderLinkId"):
            order_id = account.links.get(str(params["orderLinkId"]), "")
            found = account.orders.get(order_id)
        else:
            return None
        category = params.get("category")
        return [found] if found is not None and found.market.category == category else []

    def _seen(self, order: Order, lag_ms: int) -> dict[str, Any] | None:
        """The record as it was `lag_ms` ago; None if the order had no record then."""
        if order.status == PENDING:
            return None
        if not lag_ms:
            return order_record(order)
        horizon = self.world.now - lag_ms
        seen = None
        for at, record in order.versions:
            if at > horizon:
                break
            seen = dict(record)
        return seen

    def open_orders(self, uid: str, params: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Open orders, and on request recently closed ones, newest first.

        Raises Reject when a linear query names neither symbol nor coin.
        """
        account = self.world.account(uid)
        category = self._category(params)
        named = self._by_id(account, params)
        lag = self.world.settings.realtime_lag_ms
        if named is not None:
            orders: Iterable[Order] = named
        else:
            if category == "linear":
                self._require_scope(params)
            orders = self._listed(account, params, category)
        rows = (self._seen(order, lag) for order in orders if is_shown(account, order))
        return [row for row in rows if row is not None]

    def _category(self, params: Mapping[str, Any]) -> str:
        category = params.get("category")
        if category not in ("linear", "spot"):
            raise reject("param", "category invalid")
        return str(category)

    def _require_scope(self, params: Mapping[str, Any]) -> None:
        if not any(params.get(name) for name in ("symbol", "baseCoin", "settleCoin")):
            raise reject("param", "symbol, settleCoin or baseCoin is required")

    def _listed(self, account: Account, params: Mapping[str, Any], category: str) -> list[Order]:
        closed_only = str(params.get("openOnly", "0")) == "1"
        wanted = params.get("orderFilter")
        if closed_only:
            pool = list(account.recent.get("spot" if category == "spot" else "linear", {}).values())
        else:
            pool = self._open_pool(account)
        return [
            order
            for order in reversed(pool)
            if order.market.category == category
            and self._market_filter(order, params)
            and (not wanted or matches_filter(order, str(wanted)))
        ]

    def _open_pool(self, account: Account) -> list[Order]:
        """The open orders. With a lag also closed orders if their end isn't visible yet."""
        lag = self.world.settings.realtime_lag_ms
        if not lag:
            return list(account.open.values())
        horizon = self.world.now - lag
        return [o for o in account.orders.values() if not o.is_final or o.updated_ms > horizon]

    def order_history(self, uid: str, params: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Orders of a time window that match the filters, newest first."""
        account = self.world.account(uid)
        category = self._category(params)
        start, end = window_of(params, self.world.now)
        status = params.get("orderStatus")
        wanted = params.get("orderFilter")
        named = self._by_id(account, params)
        pool = list(account.orders.values()) if named is None else named
        rows: list[dict[str, Any]] = []
        for order in reversed(pool):
            if order.market.category != category or not self._kept(order):
                continue
            if named is None:
                if not self._market_filter(order, params) or not start <= order.created_ms <= end:
                    continue
                if wanted and not matches_filter(order, str(wanted)):
                    continue
            row = self._seen(order, self.world.settings.history_lag_ms)
            if row is None or (status and row["orderStatus"] != status):
                continue
            if row["orderStatus"] in ("New", "PartiallyFilled", "Untriggered"):
                continue
            rows.append(row)
        return rows

    def _kept(self, order: Order) -> bool:
        if not order.is_final:
            return bool(order.versions)
        age = self.world.now - order.updated_ms
        return age <= (self.world.settings.retention_ms if order.filled else UNFILLED_MS)

    # Executions and ledger

    def executions(self, uid: str, params: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Executions, newest first.

        With orderId or orderLinkId every filter but the category is ignored.
        """
        account = self.world.account(uid)
        category = self._category(params)
        order_id = params.get("orderId")
        if not order_id and params.get("orderLinkId"):
            order_id = account.links.get(str(params["orderLinkId"]), "?")
        horizon = self.world.now - self.world.settings.history_lag_ms
        start, end = window_of(params, self.world.now)
        exec_type = params.get("execType")
        rows = []
        for item in reversed(self.world.executions.get(uid, [])):
            market = item.market
            if market.category != category or item.time_ms > horizon:
                continue
            if order_id:
                if item.order_id == order_id:
                    rows.append(execution_record(item))
                continue
            if not start <= item.time_ms <= end:
                continue
            if params.get("symbol") and market.symbol != params["symbol"]:
                continue
            if params.get("baseCoin") and market.base != params["baseCoin"]:
                continue
            if exec_type and item.exec_type != exec_type:
                continue
            rows.append(execution_record(item))
        return rows

    def transaction_log(self, uid: str, params: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The cash ledger, newest first. Default window: the last 24 hours."""
        self.world.account(uid)
        start, end = window_of(params, self.world.now, DAY_MS)
        names = (("category", "category"), ("currency", "coin"), ("type", "kind"))
        rows = []
        for row in reversed(self.world.ledger.rows.get(uid, [])):
            if not start <= row.time_ms <= end:
                continue
            if any(params.get(name) and params[name] != getattr(row, at) for name, at in names):
                continue
            rows.append(log_record(row, uid))
        return rows

    # Positions and wallet

    def positions(self, uid: str, params: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Positions as Bybit's rows.

        With a symbol the rows include empty positions, two in hedge mode. With settleCoin only open
        positions are listed.
        """
        account = self.world.account(uid)
        if params.get("category") != "linear":
            raise reject("param", "category invalid")
        if params.get("symbol"):
            market = self.world.market_of(params)
            indexes = (1, 2) if account.is_hedged(market.symbol) else (0,)
            wanted = [account.position(market, idx) for idx in indexes]
        elif params.get("settleCoin"):
            coin = params["settleCoin"]
            wanted = [p for p in account.positions.values() if p.size and p.market.quote == coin]
        else:
            raise reject("param", "symbol or settleCoin is required")
        return [self.position_row(account, position) for position in wanted]

    def position_size(self, uid: str, symbol: str, idx: int) -> Decimal:
        """The signed size of a futures position in base units; 0 where there is none.

        Raises Reject for an unknown account or symbol.
        """
        account, market = self.world.account(uid), self.world.market("linear", symbol)
        if idx not in ((1, 2) if account.is_hedged(market.symbol) else (0,)):
            return ZERO
        return account.position(market, idx).size * market.step

    def closed_pnl(self, uid: str, params: Mapping[str, Any]) -> list[dict[str, Any]]:
        """One row per order that closed a part of a position, newest first."""
        account = self.world.account(uid)
        if params.get("category") != "linear":
            raise reject("param", "category invalid")
        start, end = window_of(params, self.world.now)
        rows = []
        for order in sorted(account.closing.values(), key=lambda o: o.updated_ms, reverse=True):
            market = order.market
            wanted = params.get("symbol") in (None, "", market.symbol)
            if wanted and start <= order.updated_ms <= end:
                leverage = account.position(market, order.position_idx).leverage
                rows.append(closed_pnl_record(order, leverage))
        return rows

    def position_row(self, account: Account, position: Position) -> dict[str, Any]:
        """One position as Bybit's row."""
        margin = self.world.margin
        return position_record(
            account,
            position,
            margin.position_margin(account, position),
            self.world.settings,
            margin.liquidation_price(account, position),
        )

    def wallet(self, uid: str) -> dict[str, Any]:
        """The unified account as Bybit's row: margin, and the balance and value of each coin."""
        account = self.world.account(uid)
        by_coin: dict[str, Decimal] = {}
        for position in account.positions.values():
            mark = position.market.mark() if position.size else None
            if mark is not None:
                coin = position.market.quote
                by_coin[coin] = by_coin.get(coin, ZERO) + position.unrealised(mark)
        prices = {coin: self.usd_price(coin) for coin in account.wallet}
        total = self.world.margin.account_margin(account)
        return wallet_record(account, total, prices, by_coin, self.world.settings.collateral)

    def usd_price(self, coin: str) -> Decimal:
        """The value of a coin in USD."""
        return self.world.usd_price(coin)
