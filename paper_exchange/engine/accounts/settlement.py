"""Ends an operation: adapts orders to changed positions, then emits position and wallet events."""

from paper_exchange.engine.accounts.account import Account, Position
from paper_exchange.engine.accounts.liquidation import RiskWatch
from paper_exchange.engine.accounts.records import position_stream
from paper_exchange.engine.orders.exits import ExitOrders
from paper_exchange.engine.orders.lifecycle import Lifecycle
from paper_exchange.engine.queries import Queries
from paper_exchange.engine.world import World


class Settlement:
    """Adapts the orders that depend on a position, then reports each change once."""

    def __init__(
        self,
        world: World,
        lifecycle: Lifecycle,
        exits: ExitOrders,
        risk: RiskWatch,
        queries: Queries,
    ) -> None:
        self.world = world
        self.lifecycle = lifecycle
        self.exits = exits
        self.risk = risk
        self.queries = queries

    def settle(self) -> None:
        """Adapts exits to changed positions, liquidates where needed, then emits the events."""
        world = self.world
        if not world.moved:
            return
        self._attach()
        self._follow_all()
        for uid in list(world.moved):
            account = world.accounts[uid]
            if self.risk.is_unknown(account) and self.risk.check(account):
                self._follow_all()
        self._report()

    def _attach(self) -> None:
        attach, self.world.attach = self.world.attach, {}
        for order_id, steps in attach.items():
            for uid in self.world.moved:
                order = self.world.accounts[uid].orders.get(order_id)
                if order is not None:
                    self.exits.attach(order, steps)

    def _follow_all(self) -> None:
        world = self.world
        for (uid, _, _), position in list(world.changed.items()):
            self._trim(position)
            self.exits.follow(world.accounts[uid], position)

    def _trim(self, position: Position) -> None:
        """Cuts or cancels each open reducing order that exceeds its position."""
        for order in list(position.reducers.values()):
            if not order.is_open:
                continue
            closable = position.closable(order.side)
            if order.leaves <= closable:
                continue
            if closable:
                if not order.held:
                    side = order.market.own.same(order.side)
                    side.resize(order.price, closable - order.leaves)
                order.qty = order.filled + closable
                order.updated_ms = self.world.now
                self.lifecycle.publish(order)
            else:
                self.lifecycle.finish(order, "Cancelled", "CancelByReduceOnly", "EC_NoError")

    def _report(self) -> None:
        world = self.world
        changed, world.changed = world.changed, {}
        moved, world.moved = world.moved, {}
        heard = {uid for uid in moved if world.is_heard(uid)}
        for (uid, _, _), position in changed.items():
            if uid not in heard:
                continue
            account: Account = world.accounts[uid]
            row = self.queries.position_row(account, position)
            world.emit(uid, "position", "linear", position_stream(row))
        for uid in moved:
            if uid not in heard:
                continue
            world.emit(uid, "wallet", None, self.queries.wallet(uid))
