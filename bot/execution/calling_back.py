"""Cancelling at the exchange in a halt: our own orders, or every one when that is asked for."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bot.errors import MlriskError
from bot.exchange.protocol import Exchange, ExchangeOrder
from bot.execution.identity import PREFIX

FAILURES_IN_A_ROW = 3
"""So many cancels that fail one after the other: it is the exchange, not the orders."""
_PAGES = 10
"""A cancel of everything takes at most 500 orders a call."""


@dataclass(frozen=True, slots=True)
class CalledBack:
    """How many orders were cancelled, and which should have been."""

    cancelled: int
    left: tuple[ExchangeOrder, ...]


def call_back(
    exchange: Exchange, *, everything: bool, exits: bool, problem: Callable[[str], None]
) -> CalledBack:
    """Cancels working orders, never protective stops. Orders of others stay unless `everything`,
    our exits unless `exits`.

    Raises MlriskError when the exchange can't be asked.
    """

    def wanted() -> Sequence[ExchangeOrder]:
        return [
            order
            for order in exchange.open_orders()
            if everything or (is_ours(order) and (exits or not order.reduce_only))
        ]

    asked = wanted()
    if everything:
        _cancel_all(exchange)
    else:
        _cancel_each(exchange, asked, problem)
    for fact in exchange.take_unreadable():
        problem(f"{fact.kind} {fact.key} of {fact.symbol} can't be read: {fact.why}")
    if not asked:
        return CalledBack(0, ())
    left = tuple(wanted())
    still = {order.order_id for order in left}
    return CalledBack(sum(order.order_id not in still for order in asked), left)


def is_ours(order: ExchangeOrder) -> bool:
    """A child order, whether or not its row still believes that it is open."""
    return order.order_link_id.startswith(PREFIX)


def _cancel_all(exchange: Exchange) -> None:
    for _ in range(_PAGES):
        if not exchange.cancel_all():
            return


def _cancel_each(
    exchange: Exchange, orders: Sequence[ExchangeOrder], problem: Callable[[str], None]
) -> None:
    failed = 0
    for order in orders:
        try:
            exchange.cancel(order.symbol, order.order_link_id)
        except MlriskError as error:
            problem(f"{order.order_link_id} could not be cancelled: {error.message}")
            failed += 1
            if failed == FAILURES_IN_A_ROW:
                raise
        else:
            failed = 0
