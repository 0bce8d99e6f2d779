"""Takes an order from its reservation to its final state and emits its events."""

from decimal import Decimal

from paper_exchange.engine.accounts.account import ZERO, Account
from paper_exchange.engine.orders.order import Order
from paper_exchange.engine.records import order_record, order_stream
from paper_exchange.engine.world import World


def count_key(order: Order) -> tuple[str, str, str]:
    """The key of an open order in the account's counts.

    Linear counts active orders per symbol. Spot counts its active orders in total.
    """
    market = order.market
    symbol = "" if market.is_spot and order.slot == "active" else market.symbol
    return (market.category, symbol, order.slot)


def spot_hold(order: Order) -> tuple[str, Decimal]:
    """Coin and amount that a live spot order holds."""
    market = order.market
    if order.quote_budget is not None:
        return market.quote, order.quote_left
    if order.side > 0:
        return market.quote, order.leaves * order.price * market.unit
    return market.base, market.quantity(order.leaves)


class Lifecycle:
    """Reserves, publishes and ends orders."""

    def __init__(self, world: World) -> None:
        self.world = world

    def register(self, account: Account, order: Order) -> None:
        """Makes an accepted order known to its account."""
        account.orders[order.order_id] = order
        account.open[order.order_id] = order
        if order.link_id:
            account.links[order.link_id] = order.order_id
        if order.slot != "exit":
            order.slot = "active" if order.trigger is None else "stop"
        key = count_key(order)
        account.active[key] = account.active.get(key, 0) + 1

    def reserve(self, account: Account, order: Order) -> None:
        """Counts the order for margin, or locks its coins on spot."""
        if order.is_spot:
            self.sync_lock(account, order)
            return
        position = account.position(order.market, order.position_idx)
        if order.reduces:
            position.reducers[order.order_id] = order
            return
        order.counted = order.leaves
        if order.side > 0:
            position.buying += order.counted
        else:
            position.selling += order.counted
        account.order_loss += order.reserved_loss

    def count_down(self, account: Account, order: Order, steps: int) -> None:
        """Stops counting `steps` of an order that filled or ended."""
        steps = min(steps, order.counted)
        if not steps:
            return
        position = account.position(order.market, order.position_idx)
        order.counted -= steps
        if order.side > 0:
            position.buying -= steps
        else:
            position.selling -= steps

    def sync_lock(self, account: Account, order: Order) -> None:
        """Locks the amount that a spot order can still spend, and frees the rest."""
        coin, amount = spot_hold(order)
        account.locked[coin] = account.locked.get(coin, ZERO) + amount - order.locked
        order.locked = amount

    def release(self, account: Account, order: Order) -> None:
        """Releases the margin or coins that the order still reserves."""
        if order.is_spot:
            coin, _ = spot_hold(order)
            account.locked[coin] = account.locked.get(coin, ZERO) - order.locked
            order.locked = ZERO
            return
        self.count_down(account, order, order.counted)
        account.order_loss -= order.reserved_loss
        order.reserved_loss = ZERO
        account.position(order.market, order.position_idx).reducers.pop(order.order_id, None)

    def publish(self, order: Order) -> None:
        """Emits the order's present state."""
        world = self.world
        world.emit(order.uid, "order", order.market.category, order_stream(order))
        settings = world.settings
        if settings.realtime_lag_ms or settings.history_lag_ms:
            order.versions.append((world.now, order_record(order)))
        if not order.is_spot:
            account = world.accounts[order.uid]
            world.note_position(account, account.position(order.market, order.position_idx))
        world.moved[order.uid] = None

    def rest(self, order: Order, status: str) -> None:
        """Puts an order into the queue of its price level."""
        market = order.market
        order.status = status
        order.ahead = market.book.same(order.side).available(order.price)
        market.own.same(order.side).add(order)
        market.resting += 1

    def unrest(self, order: Order) -> None:
        """Takes a resting order out of the book. A held order is not in it."""
        if order.held:
            order.held = False
            return
        market = order.market
        market.own.same(order.side).remove(order)
        market.resting -= 1

    def finish(
        self,
        order: Order,
        status: str,
        cancel_type: str = "UNKNOWN",
        reject_reason: str = "EC_NoError",
    ) -> None:
        """Ends an order for good and emits its final state."""
        world = self.world
        account = world.accounts[order.uid]
        if order.status in ("New", "PartiallyFilled"):
            self.unrest(order)
        order.market.triggers.remove(order)
        self.drop_exit(account, order)
        if order.is_spot and order.exits is not None and order.filled:
            world.attach[order.order_id] = order.filled
        if status == "Cancelled" and order.is_spot and order.filled:
            status = "PartiallyFilledCanceled"
        order.status = status
        order.cancel_type = cancel_type
        order.reject_reason = reject_reason
        order.updated_ms = world.now
        self.forget(account, order)
        self.release(account, order)
        self.publish(order)

    def wait(self, order: Order) -> None:
        """Puts a conditional order among those that wait for their trigger."""
        order.status = "Untriggered"
        order.updated_ms = self.world.now
        order.market.triggers.add(order)
        self.publish(order)

    def wake(self, order: Order) -> None:
        """Turns a triggered order into an active one.

        Its status is `Triggered` until it is matched.
        """
        account = self.world.accounts[order.uid]
        order.market.triggers.remove(order)
        self.drop_exit(account, order)
        account.active[count_key(order)] -= 1
        order.slot = "active"
        key = count_key(order)
        account.active[key] = account.active.get(key, 0) + 1
        order.status = "Triggered"
        order.updated_ms = self.world.now
        self.publish(order)

    @staticmethod
    def drop_exit(account: Account, order: Order) -> None:
        """Removes an exit that fires or ends from its position."""
        if order.is_spot or order.slot != "exit":
            return
        position = account.position(order.market, order.position_idx)
        position.partials.pop(order.order_id, None)
        if position.exits.get(order.stop_order_type) is order:
            del position.exits[order.stop_order_type]

    def forget(self, account: Account, order: Order) -> None:
        """Moves an ended order from the open orders to the recently closed ones."""
        if account.open.pop(order.order_id, None) is None:
            return
        key = count_key(order)
        account.active[key] -= 1
        recent = account.recent.setdefault(order.market.category, {})
        recent[order.order_id] = order
        if len(recent) > self.world.settings.closed_order_cache:
            del recent[next(iter(recent))]
