"""Cancels the protective stops of a scope that is flat. They go last: until then they protect."""

from collections.abc import Callable

from bot.errors import MlriskError
from bot.exchange.protocol import CancelOutcome, Exchange
from bot.execution.orders.identity import is_protective_stop
from bot.state.scope import Scope
from models.enums import ScopeKind


def cancel_stops(exchange: Exchange, scope: Scope, *, problem: Callable[[str], None]) -> int:
    """Returns how many stops were cancelled, without those that had ended before; a failure is a
    problem and stops no other.

    The caller has seen that no position of the scope is left.
    """
    try:
        found = [
            order
            for order in exchange.conditional_orders()
            if is_protective_stop(order.order_link_id)
            and (scope.kind is not ScopeKind.SYMBOL or order.symbol == scope.key)
        ]
    except MlriskError as error:
        problem(f"the protective stops can't be read: {error.message}")
        return 0
    cancelled = 0
    for order in found:
        try:
            outcome = exchange.cancel(order.symbol, order.order_link_id)
        except MlriskError as error:
            problem(f"the stop {order.order_link_id} could not be cancelled: {error.message}")
        else:
            cancelled += outcome is CancelOutcome.TAKEN
    return cancelled
