"""Order requests: checked and acknowledged at once, and applied a little later."""

from collections.abc import Mapping
from random import Random
from typing import Any

from paper_exchange.engine.accounts.account import Account
from paper_exchange.engine.markets.instrument import Market
from paper_exchange.engine.orders.acceptance import Acceptance, holds_funds
from paper_exchange.engine.orders.filters import link_id_of, read_new_order
from paper_exchange.engine.orders.lifecycle import Lifecycle
from paper_exchange.engine.orders.matching import Matcher
from paper_exchange.engine.orders.order import OPEN_STATUSES, PENDING, Order
from paper_exchange.engine.orders.rejects import reject
from paper_exchange.engine.world import World


class Trading:
    """Checks create and cancel requests at once and applies them after the delay."""

    def __init__(
        self, world: World, lifecycle: Lifecycle, matcher: Matcher, acceptance: Acceptance
    ) -> None:
        self.world = world
        self.acceptance = acceptance
        self.lifecycle = lifecycle
        self.matcher = matcher
        self.jitter = Random(world.settings.seed)
        self.last_due: dict[str, int] = {}
        """The time at which the newest request of each account takes effect, in milliseconds."""
        world.effects["create"] = self.effect_create
        world.effects["cancel"] = self.effect_cancel

    # Create

    def create(self, uid: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """Checks and accepts a new order; returns its ids. Raises Reject as Bybit refuses it."""
        account, market = self.world.account(uid), self.world.market_of(params)
        order = self.acceptance.prepare(account, market, read_new_order(params, market))
        self.accept(account, order)
        return {"orderId": order.order_id, "orderLinkId": order.link_id}

    def accept(self, account: Account, order: Order) -> None:
        """Registers a checked order and schedules its effect."""
        self.lifecycle.register(account, order)
        if holds_funds(order):
            self.lifecycle.reserve(account, order)
        self.schedule("create", order.uid, order.order_id)

    def effect_create(self, uid: str, order_id: str) -> None:
        """Brings an acknowledged order into effect."""
        order = self.world.accounts[uid].orders.get(order_id)
        if order is None or order.status != PENDING:
            return
        self.begin(order)

    def begin(self, order: Order) -> None:
        """Puts a conditional order on wait; matches any other order."""
        if order.trigger is not None:
            self.lifecycle.wait(order)
        else:
            order.updated_ms = self.world.now
            self.matcher.activate(order)

    def place_now(self, uid: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """Creates an order without delay, as if it came from outside the API under test."""
        account, market = self.world.account(uid), self.world.market_of(params)
        order = self.acceptance.prepare(account, market, read_new_order(params, market))
        self.lifecycle.register(account, order)
        if holds_funds(order):
            self.lifecycle.reserve(account, order)
        self.begin(order)
        return {"orderId": order.order_id, "orderLinkId": order.link_id}

    # Cancel

    def find(self, account: Account, params: Mapping[str, Any], market: Market) -> Order:
        """The order that a request names. `orderId` wins over `orderLinkId`."""
        order_id = params.get("orderId") or account.links.get(link_id_of(params), "")
        if not (params.get("orderId") or params.get("orderLinkId")):
            raise reject("param", "orderId or orderLinkId is required")
        order = account.orders.get(str(order_id))
        if order is None or order.market is not market:
            raise reject("unknown_order", spot=market.is_spot)
        if order.is_final:
            raise reject("unknown_order", spot=market.is_spot)
        return order

    def cancel(self, uid: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """Schedules the cancel of an order; returns its ids. Raises Reject when it is not open."""
        account, market = self.world.account(uid), self.world.market_of(params)
        order = self.find(account, params, market)
        self.schedule("cancel", order.uid, order.order_id)
        return {"orderId": order.order_id, "orderLinkId": order.link_id}

    def schedule(self, action: str, uid: str, *args: Any) -> None:
        """Schedules the effect of an acknowledged request after the exchange's delay.

        With a jitter no request overtakes an earlier one of its account.
        """
        world, settings = self.world, self.world.settings
        due = world.now + settings.effect_delay_ms
        if settings.effect_jitter_ms:
            due += round(self.jitter.expovariate(1 / settings.effect_jitter_ms))
            due = max(due, self.last_due.get(uid, 0))
            self.last_due[uid] = due
        world.schedule_at(due, action, uid, *args)

    def effect_cancel(self, uid: str, order_id: str) -> None:
        """Carries out a scheduled cancel. An order that has filled meanwhile keeps its fill."""
        order = self.world.accounts[uid].orders.get(order_id)
        if order is None:
            return
        if order.status == "Filled":
            self._report_lost_cancel(order)
        elif order.status in OPEN_STATUSES:
            self.cancel_now(order, "CancelByUser", "EC_PerCancelRequest")

    def cancel_now(self, order: Order, cancel_type: str, reason: str) -> None:
        """Ends an order without delay, with Bybit's cancel type and reject reason."""
        status = "Deactivated" if order.status == "Untriggered" else "Cancelled"
        self.lifecycle.finish(order, status, cancel_type, reason)

    def _report_lost_cancel(self, order: Order) -> None:
        """Emits a second `Filled` record that names the cancel, as Bybit does if the fill wins."""
        order.cancel_type = "CancelByUser"
        order.reject_reason = "EC_OrigClOrdIDDoesNotExist"
        self.lifecycle.publish(order)

    def cancel_all(self, uid: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """Schedules the cancel of every selected order; returns their ids."""
        account = self.world.account(uid)
        orders = self._selected(account, params)
        for order in orders:
            self.schedule("cancel", order.uid, order.order_id)
        listed = [{"orderId": o.order_id, "orderLinkId": o.link_id} for o in orders]
        return {"list": listed, "success": "1"}

    def _selected(self, account: Account, params: Mapping[str, Any]) -> list[Order]:
        """The open orders that a cancel-all selects: by symbol, else baseCoin, else settleCoin."""
        category = params.get("category")
        if category not in ("linear", "spot"):
            raise reject("param", "category invalid")
        symbol, base = params.get("symbol"), params.get("baseCoin")
        settle = params.get("settleCoin")
        if symbol:
            self.world.market(category, symbol)
        elif category == "linear" and not (base or settle):
            raise reject("param", "symbol, baseCoin or settleCoin is required")
        wanted = params.get("orderFilter")
        stop_type = params.get("stopOrderType")
        out: list[Order] = []
        for order in account.open.values():
            market = order.market
            if market.category != category:
                continue
            if symbol:
                if market.symbol != symbol:
                    continue
            elif base:
                if market.base != base:
                    continue
            elif settle and market.quote != settle:
                continue
            if wanted and not matches_filter(order, str(wanted)):
                continue
            if stop_type and order.stop_order_type != stop_type:
                continue
            out.append(order)
        return out


def matches_filter(order: Order, wanted: str) -> bool:
    """Whether an order matches `orderFilter`.

    `Order` selects active orders, `StopOrder` conditional orders and `tpslOrder` exits.
    """
    is_exit = order.stop_order_type not in ("", "Stop") or order.order_filter == "tpslOrder"
    waiting = order.status == "Untriggered"
    if wanted == "Order":
        return not waiting and not is_exit
    if wanted == "StopOrder":
        return waiting if not order.is_spot else order.order_filter == "StopOrder"
    if wanted == "tpslOrder":
        return is_exit
    return True
