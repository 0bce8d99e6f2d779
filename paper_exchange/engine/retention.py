"""Forgets ended orders, executions and ledger rows when Bybit would no longer show them."""

from typing import Final

from paper_exchange.engine.accounts.account import Account
from paper_exchange.engine.accounts.ledger import LogRow
from paper_exchange.engine.orders.order import Order
from paper_exchange.engine.records import Execution
from paper_exchange.engine.world import World

UNFILLED_MS: Final = 86_400_000
"""Cancelled, rejected and deactivated orders without a fill stay queryable for 24 hours only."""


def is_shown(account: Account, order: Order) -> bool:
    """Whether order/realtime shows the order. A closed order shows while the cache holds it."""
    if not order.is_final:
        return True
    return order.order_id in account.recent.get(order.market.category, {})


class Retention:
    """Bounds an account's records by their age and their number."""

    def __init__(self, world: World) -> None:
        self.world = world

    def prune(self) -> None:
        """Drops the records that no query can show any more, and the oldest beyond the maximum.

        The newest `max_used_links` orderLinkIds stay used.
        """
        world = self.world
        for uid, account in world.accounts.items():
            self._prune_orders(account)
            self._prune_links(account)
            executions = self._prune_rows(world.executions.get(uid, []))
            rows = self._prune_rows(world.ledger.rows.get(uid, []))
            before = world.forgotten.get(uid, (0, 0))
            world.forgotten[uid] = (before[0] + executions, before[1] + rows)

    def _prune_orders(self, account: Account) -> None:
        settings, now = self.world.settings, self.world.now
        lag = max(settings.realtime_lag_ms, settings.history_lag_ms)
        ended = [
            order
            for order in account.orders.values()
            if order.is_final and not is_shown(account, order)
        ]
        excess = len(ended) - settings.max_history
        for place, order in enumerate(ended):
            kept = settings.retention_ms if order.filled else UNFILLED_MS
            if place < excess or now - order.updated_ms > kept + lag:
                del account.orders[order.order_id]
                account.closing.pop(order.order_id, None)

    def _prune_links(self, account: Account) -> None:
        spent = [link for link, order_id in account.links.items() if order_id not in account.orders]
        for link in spent[: max(0, len(spent) - self.world.settings.max_used_links)]:
            del account.links[link]

    def _prune_rows(self, rows: list[Execution] | list[LogRow]) -> int:
        """Drops the oldest rows in place; returns their number."""
        settings = self.world.settings
        oldest = self.world.now - settings.retention_ms
        count = max(0, len(rows) - settings.max_history)
        while count < len(rows) and rows[count].time_ms < oldest:
            count += 1
        del rows[:count]
        return count
