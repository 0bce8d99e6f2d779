"""Amends an open order: new total quantity, price, trigger or attached exits."""

from collections.abc import Mapping
from typing import Any

from paper_exchange.engine.accounts.account import ZERO, Account
from paper_exchange.engine.markets.instrument import Market
from paper_exchange.engine.orders.acceptance import Acceptance, check_exit_sides, holds_funds
from paper_exchange.engine.orders.filters import (
    check_notional,
    check_size,
    decimal_of,
    optional_ticks,
    price_ticks,
    quantity_steps,
)
from paper_exchange.engine.orders.lifecycle import Lifecycle
from paper_exchange.engine.orders.matching import Matcher
from paper_exchange.engine.orders.order import OPEN_STATUSES, Exits, Order
from paper_exchange.engine.orders.rejects import reject
from paper_exchange.engine.orders.trading import Trading
from paper_exchange.engine.world import World
from paper_exchange.types import Reject

EXIT_FIELDS = ("takeProfit", "stopLoss")
Changes = dict[str, int]
"""New values in ticks and steps; 0 removes an exit. They are JSON-able, because effects are."""


class Amending:
    """Checks an amendment at once and applies it after the delay if the order is still open.

    An order with a new price or a larger quantity loses its place in the queue. An order with a
    smaller quantity keeps it.
    """

    def __init__(
        self,
        world: World,
        lifecycle: Lifecycle,
        matcher: Matcher,
        trading: Trading,
        acceptance: Acceptance,
    ) -> None:
        self.world = world
        self.acceptance = acceptance
        self.lifecycle = lifecycle
        self.matcher = matcher
        self.trading = trading
        world.effects["amend"] = self.effect_amend

    def amend(self, uid: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """Checks an amendment and schedules it; returns the order's ids.

        Raises Reject for an unknown order, unreadable parameters, no change or too little margin.
        """
        account, market = self.world.account(uid), self.world.market_of(params)
        order = self.trading.find(account, params, market)
        changes = self._read(account, order, params)
        if not changes:
            raise reject("unchanged")
        self._check_affordable(account, order, changes)
        self.trading.schedule("amend", uid, order.order_id, changes)
        return {"orderId": order.order_id, "orderLinkId": order.link_id}

    def _read(self, account: Account, order: Order, params: Mapping[str, Any]) -> Changes:
        market, spot = order.market, order.is_spot
        changes: Changes = {}
        if order.is_market and order.trigger is None:
            raise reject("amend_kind", spot=spot)
        qty = decimal_of(params, "qty")
        if qty is not None:
            steps = quantity_steps(market, qty)
            check_size(market, qty, order.is_market, order.reduces)
            if steps <= order.filled:
                raise reject("amend_qty", spot=spot)
            changes["qty"] = steps
        price = decimal_of(params, "price")
        if price is not None and not order.is_market:
            ticks = price_ticks(market, price)
            if not ticks:
                raise reject("price_zero", spot=spot)
            if not order.is_waiting:
                ticks = self.acceptance.banded(account, market, order.side, ticks)
            changes["price"] = ticks
        trigger = optional_ticks(market, params, "triggerPrice")
        if trigger is not None:
            if not order.is_waiting:
                raise reject("amend_kind", spot=spot)
            self._check_trigger(order, trigger)
            changes["trigger"] = trigger
        self._read_exits(order, params, changes)
        return self._real(order, changes)

    @staticmethod
    def _real(order: Order, changes: Changes) -> Changes:
        """The changes without the values that the order already has."""
        now = {"qty": order.qty, "price": order.price}
        if order.trigger is not None:
            now["trigger"] = order.trigger.price
        return {name: value for name, value in changes.items() if now.get(name) != value}

    def _check_trigger(self, order: Order, ticks: int) -> None:
        if order.trigger is None:
            return
        current = self.acceptance.trigger_reference(order.market, order.trigger.by)
        price = order.market.price(ticks)
        if current is None:
            return
        if order.trigger.direction == 1 and price <= current:
            raise reject("rising", price, current)
        if order.trigger.direction == 2 and price >= current:
            raise reject("falling", price, current)

    def _read_exits(self, order: Order, params: Mapping[str, Any], changes: Changes) -> None:
        """Reads attached exits; "0" removes one.

        Raises Reject for a reducing or partly filled order.
        """
        market = order.market
        named = [name for name in EXIT_FIELDS if decimal_of(params, name) is not None]
        if not named:
            return
        if order.reduces:
            raise reject("exits_on_reduce", spot=order.is_spot)
        if order.filled:
            raise Reject(
                110059, "Not allowed to  modify the TP/SL of a partially filled open order"
            )
        for name in named:
            changes[name] = optional_ticks(market, params, name) or 0
        self._check_exits(market, order, changes)

    @staticmethod
    def _check_exits(market: Market, order: Order, changes: Changes) -> None:
        price = changes.get("price", order.price)
        exits = Exits(changes.get("takeProfit") or None, changes.get("stopLoss") or None)
        if price:
            check_exit_sides(market, order.side, market.price(price), exits)

    # Effect

    def effect_amend(self, uid: str, order_id: str, changes: Changes) -> None:
        """Applies a scheduled amendment.

        It does nothing if the order has ended or filled too far.
        """
        account = self.world.accounts[uid]
        order = account.orders.get(order_id)
        if order is None or order.status not in OPEN_STATUSES:
            return
        if changes.get("qty", order.qty) <= order.filled:
            return
        if order.reduces and "qty" in changes and order.status != "Untriggered":
            position = account.position(order.market, order.position_idx)
            most = order.filled + position.closable(order.side)
            changes = {**changes, "qty": min(changes["qty"], most)}
        try:
            self._check_affordable(account, order, changes)
        except Reject:
            self.lifecycle.publish(order)
            return
        self._amend_exits(order, changes)
        order.updated_ms = self.world.now
        if order.status == "Untriggered":
            self._amend_waiting(account, order, changes)
        else:
            self._amend_resting(account, order, changes)

    def _amend_exits(self, order: Order, changes: Changes) -> None:
        if not any(name in changes for name in EXIT_FIELDS):
            return
        exits = order.exits or Exits()
        if "takeProfit" in changes:
            exits.take_profit = changes["takeProfit"] or None
        if "stopLoss" in changes:
            exits.stop_loss = changes["stopLoss"] or None
        empty = exits.take_profit is None and exits.stop_loss is None
        order.exits = None if empty else exits

    def _amend_waiting(self, account: Account, order: Order, changes: Changes) -> None:
        triggers = order.market.triggers
        triggers.remove(order)
        order.qty = changes.get("qty", order.qty)
        order.price = changes.get("price", order.price)
        if order.trigger is not None and "trigger" in changes:
            order.trigger.price = changes["trigger"]
        triggers.add(order)
        if order.is_spot and holds_funds(order):
            self.lifecycle.sync_lock(account, order)
        self.lifecycle.publish(order)

    def _amend_resting(self, account: Account, order: Order, changes: Changes) -> None:
        qty, price = changes.get("qty", order.qty), changes.get("price", order.price)
        if qty <= order.qty and price == order.price:
            if not order.held:
                order.market.own.same(order.side).resize(price, qty - order.qty)
            self._set_terms(account, order, qty, price)
            self.lifecycle.publish(order)
            return
        self.lifecycle.unrest(order)
        order.status = "Triggered"
        self._set_terms(account, order, qty, price)
        self.matcher.activate(order)

    def _set_terms(self, account: Account, order: Order, qty: int, price: int) -> None:
        """Changes quantity and price together with the margin or coins that they reserve."""
        self.lifecycle.release(account, order)
        order.qty, order.price = qty, price
        if not order.is_spot and not order.reduces:
            order.reserved_loss = self.acceptance.loss_of(account, order)
        self.lifecycle.reserve(account, order)

    def _check_affordable(self, account: Account, order: Order, changes: Changes) -> None:
        """Refuses an amendment that the account can't pay for.

        It puts the new terms in force, checks the funds and puts the old terms back.
        """
        if "qty" not in changes and "price" not in changes:
            return
        qty, price = changes.get("qty", order.qty), changes.get("price", order.price)
        market = order.market
        if not order.reduces and not order.is_market:
            check_notional(market, market.price(price) * market.quantity(qty))
        if order.is_waiting and not holds_funds(order):
            return
        before = (order.qty, order.price)
        self.lifecycle.release(account, order)
        order.qty, order.price = qty, price
        try:
            self.acceptance.check_funds(account, order)
        finally:
            order.qty, order.price = before
            order.reserved_loss = ZERO
            if not order.is_spot and not order.reduces:
                order.reserved_loss = self.acceptance.loss_of(account, order)
            self.lifecycle.reserve(account, order)
