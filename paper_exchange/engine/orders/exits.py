"""Take-profit and stop-loss orders.

Positions and fills create them; a closed position clears them.
"""

from decimal import Decimal
from typing import Final

from paper_exchange.engine.accounts.account import Account, Position
from paper_exchange.engine.orders.lifecycle import Lifecycle
from paper_exchange.engine.orders.order import Exits, Order, Trigger
from paper_exchange.engine.orders.rejects import reject
from paper_exchange.engine.orders.triggers import FALLS, RISES
from paper_exchange.engine.world import World

MAX_PARTIAL: Final = 20
"""The maximum of exit pairs under `Partial` per position, as Bybit documents."""
PROFIT: Final = "TakeProfit"
LOSS: Final = "StopLoss"


class ExitOrders:
    """Waiting orders that close a position. Bybit shows each as an order of its own."""

    def __init__(self, world: World, lifecycle: Lifecycle) -> None:
        self.world = world
        self.lifecycle = lifecycle

    def make(
        self,
        account: Account,
        position: Position,
        kind: str,
        price: int,
        by: str,
        steps: int,
        limit: int | None,
        parent: str = "",
    ) -> Order:
        """Creates a waiting exit for `steps` of a position."""
        world, market = self.world, position.market
        profit = kind.endswith(PROFIT)
        rises = profit == (position.side > 0)
        order = Order(
            uid=account.uid,
            market=market,
            order_id=world.order_id(market),
            link_id="",
            side=-position.side,
            is_market=limit is None,
            time_in_force="IOC" if limit is None else "GTC",
            price=limit or 0,
            qty=steps,
            created_ms=world.now,
            updated_ms=world.now,
            reduce_only=True,
            close_on_trigger=True,
            position_idx=position.idx,
            reduces=True,
            create_type=f"CreateBy{kind}",
            stop_order_type=kind,
            parent_link_id=parent,
            trigger=Trigger(price, RISES if rises else FALLS, by),
            last_on_created=market.last,
            slot="exit",
        )
        position.exit_side = position.side
        self.lifecycle.register(account, order)
        self.lifecycle.wait(order)
        return order

    def set_full(
        self,
        account: Account,
        position: Position,
        kind: str,
        price: int | None,
        by: str,
        parent: str = "",
    ) -> bool:
        """Sets, moves or removes (None) the exit of a whole position.

        A moved exit keeps its parent. Returns whether that changed it.
        """
        order = position.exits.get(kind)
        if order is None or order.trigger is None:
            if price is None:
                return False
            steps = abs(position.size)
            made = self.make(account, position, kind, price, by, steps, None, parent)
            position.exits[kind] = made
            return True
        if price is None:
            del position.exits[kind]
            self._cancel(order, "CancelByUser", "EC_PerCancelRequest")
            return True
        if (order.trigger.price, order.trigger.by) == (price, by):
            return False
        triggers = order.market.triggers
        triggers.remove(order)
        order.trigger.price, order.trigger.by = price, by
        self.lifecycle.wait(order)
        return True

    def add_partial(
        self,
        account: Account,
        position: Position,
        exits: Exits,
        profit: int,
        loss: int,
        parent: str = "",
    ) -> None:
        """Adds exits for a part of the position. The two halves of a pair cancel each other."""
        made: list[Order] = []
        for kind, price, by, limit, steps in (
            (PROFIT, exits.take_profit, exits.tp_by, exits.tp_limit, profit),
            (LOSS, exits.stop_loss, exits.sl_by, exits.sl_limit, loss),
        ):
            if price is not None:
                name = f"Partial{kind}"
                order = self.make(account, position, name, price, by, steps, limit, parent)
                position.partials[order.order_id] = order
                made.append(order)
        if len(made) == 2:
            made[0].pair_id, made[1].pair_id = made[1].order_id, made[0].order_id

    @staticmethod
    def check_partial_room(position: Position) -> None:
        """Raises Reject when the position has as many partial exits as Bybit allows."""
        halves = {o.pair_id or o.order_id: o for o in position.partials.values()}
        pairs = {min(o.order_id, o.pair_id or o.order_id) for o in halves.values()}
        if len(pairs) >= MAX_PARTIAL:
            raise reject("too_many_exits")

    def attach(self, order: Order, steps: int) -> None:
        """Creates the attached exits of an order that opened `steps`."""
        account = self.world.accounts[order.uid]
        exits = order.exits
        if exits is None:
            return
        if order.is_spot:
            self._attach_spot(account, order, exits)
            return
        position = account.position(order.market, order.position_idx)
        if position.side != order.side:
            return
        if exits.mode == "Partial":
            position.tpsl_mode = "Partial"
            self.add_partial(account, position, exits, steps, steps, order.link_id)
            return
        for kind, price, by in (
            (PROFIT, exits.take_profit, exits.tp_by),
            (LOSS, exits.stop_loss, exits.sl_by),
        ):
            if price is not None:
                self.set_full(account, position, kind, price, by, order.link_id)

    def _attach_spot(self, account: Account, order: Order, exits: Exits) -> None:
        """Creates exits that sell or buy back the fill of an ended spot order, net of its fee."""
        market, world = order.market, self.world
        net = market.quantity(order.filled)
        if order.side > 0:
            net -= order.fees.get(market.base, Decimal(0))
        steps = int(net // market.spec.qty_step) * int(market.spec.qty_step / market.step)
        made: list[Order] = []
        for kind, price, by, limit in (
            (PROFIT, exits.take_profit, exits.tp_by, exits.tp_limit),
            (LOSS, exits.stop_loss, exits.sl_by, exits.sl_limit),
        ):
            if price is None or not steps:
                continue
            rises = (kind == PROFIT) == (order.side > 0)
            exit_order = Order(
                uid=account.uid,
                market=market,
                order_id=world.order_id(market),
                link_id=world.numeric_id(),
                side=-order.side,
                is_market=limit is None,
                time_in_force="IOC" if limit is None else "GTC",
                price=limit or 0,
                qty=steps,
                created_ms=world.now,
                updated_ms=world.now,
                create_type=f"CreateBy{kind}",
                stop_order_type=kind,
                order_filter="tpslOrder",
                market_unit="baseCoin" if limit is None else "",
                trigger=Trigger(price, RISES if rises else FALLS, by),
                last_on_created=market.last,
                slot="exit",
            )
            self.lifecycle.register(account, exit_order)
            self.lifecycle.wait(exit_order)
            made.append(exit_order)
        if len(made) == 2:
            made[0].pair_id, made[1].pair_id = made[1].order_id, made[0].order_id

    def follow(self, account: Account, position: Position) -> None:
        """Adapts exits to a changed position.

        Full exits get the position's size. All exits are cleared when the position closes or turns.
        """
        if not (position.exits or position.partials or position.trailing):
            return
        if not position.size or position.side != position.exit_side:
            self.clear(account, position)
            return
        size = abs(position.size)
        for order in position.exits.values():
            if order.qty != size:
                order.qty = size
                order.updated_ms = self.world.now
                self.lifecycle.publish(order)

    def clear(self, account: Account, position: Position) -> None:
        """Removes all exits of a position that is closed or has turned."""
        orders = [*position.exits.values(), *position.partials.values()]
        position.exits.clear()
        position.partials.clear()
        self.clear_trailing(account, position)
        for order in orders:
            self._cancel(order, "CancelByTpSlTsClear", "EC_NoError")

    def set_trailing(
        self, account: Account, position: Position, distance: int, active: int | None
    ) -> None:
        """Starts a trailing stop.

        `distance` and the activation price `active` are in ticks. With None the stop is active at
        once.
        """
        position.trailing, position.trailing_active = distance, active
        position.trailing_extreme = None
        position.exit_side = position.side
        position.market.trailing[account.uid, position.idx] = position

    def clear_trailing(self, account: Account, position: Position) -> None:
        """Ends the position's trailing stop."""
        position.trailing, position.trailing_active = 0, None
        position.trailing_extreme = None
        position.market.trailing.pop((account.uid, position.idx), None)

    def cancel_pair(self, account: Account, order: Order) -> None:
        """Cancels the other half of a pair when one half fires."""
        other = account.open.get(order.pair_id)
        if other is not None and other.status == "Untriggered":
            self._cancel(other, "CancelByTpSlTsClear", "EC_NoError")

    def _cancel(self, order: Order, cancel_type: str, reason: str) -> None:
        if order.status == "Untriggered":
            self.lifecycle.finish(order, "Deactivated", cancel_type, reason)
