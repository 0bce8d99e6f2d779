"""Forced events for tests: changes to an account that its client did not request."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from paper_exchange.engine.accounts.liquidation import RiskWatch
from paper_exchange.engine.orders.lifecycle import Lifecycle
from paper_exchange.engine.orders.rejects import reject
from paper_exchange.engine.orders.trading import Trading
from paper_exchange.engine.records import order_record
from paper_exchange.engine.world import World
from paper_exchange.types import InstrumentSpec


class Hooks:
    """Makes forced changes at the engine's present time. The caller settles afterwards."""

    def __init__(
        self, world: World, lifecycle: Lifecycle, trading: Trading, risk: RiskWatch
    ) -> None:
        self.world = world
        self.lifecycle = lifecycle
        self.trading = trading
        self.risk = risk

    def cancel(self, uid: str, order_id: str, cancel_type: str) -> None:
        """Ends an open order with a given cancel type.

        Raises Reject when there is no such order.
        """
        order = self.world.account(uid).open.get(order_id)
        if order is None:
            raise reject("unknown_order")
        reason = "EC_PerCancelRequest" if cancel_type == "CancelByUser" else "EC_NoError"
        self.trading.cancel_now(order, cancel_type, reason)

    def liquidate(self, uid: str, symbol: str) -> None:
        """Liquidates a position. Raises Reject when there is none."""
        account = self.world.account(uid)
        if not self.risk.force(account, self.world.market("linear", symbol)):
            raise reject("no_position")

    def deleverage(self, uid: str, symbol: str, qty: str) -> None:
        """Closes part of a position at mark by auto-deleveraging, as an `AdlTrade`."""
        account, market = self.world.account(uid), self.world.market("linear", symbol)
        self.risk.deleverage(account, market, qty)

    def transfer(self, uid: str, coin: str, amount: Decimal) -> None:
        """Deposits or withdraws (negative) an amount, as the transaction log shows it."""
        account, world = self.world.account(uid), self.world
        if not amount or account.balance(coin) + amount < 0:
            raise reject("param", "amount")
        world.ledger.book(
            account,
            coin,
            seq=world.next_seq(),
            time_ms=world.now,
            category="",
            symbol="",
            kind="TRANSFER_IN" if amount > 0 else "TRANSFER_OUT",
            cash_flow=amount,
        )
        account.void_margin()
        world.moved[uid] = None

    def foreign_order(self, uid: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """Places an order at once, as if another program of the account's owner had sent it."""
        return self.trading.place_now(uid, params)

    def update_instrument(self, spec: InstrumentSpec) -> None:
        """Puts new filters in force. An instrument that closes loses its orders."""
        market = self.world.market(spec.category, spec.symbol)
        market.replace_spec(spec)
        if spec.status == "Closed":
            for account in self.world.accounts.values():
                for order in list(account.open.values()):
                    if order.market is market:
                        self.trading.cancel_now(order, "CancelBySettle", "EC_NoError")

    def restart_cache(self) -> None:
        """Forgets recently closed orders, as Bybit's open-order query does after a restart."""
        for account in self.world.accounts.values():
            account.recent.clear()

    def set_delays(
        self,
        effect_delay_ms: int | None = None,
        realtime_lag_ms: int | None = None,
        history_lag_ms: int | None = None,
    ) -> None:
        """Changes delays at run time. Records that are visible stay visible."""
        old = self.world.settings
        new = replace(
            old,
            effect_delay_ms=old.effect_delay_ms if effect_delay_ms is None else effect_delay_ms,
            realtime_lag_ms=old.realtime_lag_ms if realtime_lag_ms is None else realtime_lag_ms,
            history_lag_ms=old.history_lag_ms if history_lag_ms is None else history_lag_ms,
        )
        self.world.use_settings(new)
        if not (new.realtime_lag_ms or new.history_lag_ms):
            return
        longest = max(new.realtime_lag_ms, new.history_lag_ms)
        for account in self.world.accounts.values():
            for order in account.orders.values():
                if order.status and not order.versions:
                    seen_at = min(order.updated_ms, self.world.now - longest)
                    order.versions.append((seen_at, order_record(order)))
