"""Which of our orders belong to a halted scope, as far as the exchange's own data can tell.

A halt without Postgres has nothing else. An order says its symbol, and its id has the tag of its
strategy; an id of an earlier version has none.
"""

from collections.abc import Sequence

from bot.exchange.protocol import ExchangeOrder
from bot.execution.orders.identity import is_of_strategy, is_without_strategy
from bot.state.scope import EVERYTHING, Scope
from models.enums import ScopeKind


class ScopeAtExchange:
    """Picks a scope's orders among those of one account's keys, and remembers what it could not
    tell."""

    def __init__(self, scope: Scope, account: str) -> None:
        self.scope = scope
        self._account = account
        self._untold: set[str] = set()

    @property
    def is_whole(self) -> bool:
        """Whether every order that the keys can see belongs to the scope."""
        return self.scope in (EVERYTHING, Scope(ScopeKind.ACCOUNT, self._account))

    def pick(self, found: Sequence[ExchangeOrder]) -> Sequence[ExchangeOrder]:
        """The orders of the scope, and those of ours that may be its. A cancel adds no risk, so
        that a doubt never leaves an order."""
        return [order for order in found if self._belongs(order)]

    def notes(self) -> list[str]:
        """What the exchange's data could not tell, for the person who halts."""
        if self.scope.kind is ScopeKind.ACCOUNT and not self.is_whole:
            return [
                f"no order of {self.scope} is in reach: these keys are of account {self._account}"
            ]
        if self._untold:
            return [
                f"{len(self._untold)} of them have an id without a strategy, so that they may be "
                "of another one"
            ]
        return []

    def _belongs(self, order: ExchangeOrder) -> bool:
        if self.is_whole:
            return True
        if self.scope.kind is ScopeKind.SYMBOL:
            return order.symbol == self.scope.key
        if self.scope.kind is ScopeKind.STRATEGY:
            if is_without_strategy(order.order_link_id):
                self._untold.add(order.order_link_id)
                return True
            return is_of_strategy(order.order_link_id, self.scope.key)
        return False
