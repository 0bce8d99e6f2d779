"""The trigger index finds exactly what looking at every order would find."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from paper_exchange.engine.orders.order import Trigger
from paper_exchange.engine.orders.triggers import TriggerBook


class Waiting:
    """As much of an order as the index looks at."""

    def __init__(self, number: int, price: int, direction: int) -> None:
        self.order_id = str(number)
        self.trigger = Trigger(price, direction)


@given(
    rows=st.lists(st.tuples(st.integers(1, 20), st.sampled_from([1, 2])), max_size=8),
    gone=st.sets(st.integers(0, 7)),
    last=st.integers(1, 20),
)
def test_due_orders_are_those_whose_trigger_is_reached(
    rows: list[tuple[int, int]], gone: set[int], last: int
) -> None:
    book: Any = TriggerBook()
    orders = [Waiting(i, price, direction) for i, (price, direction) in enumerate(rows)]
    for order in orders:
        book.add(order)
    left = [order for i, order in enumerate(orders) if i not in gone]
    for i in gone:
        if i < len(orders):
            book.remove(orders[i])
    wanted = [
        o
        for o in left
        if (last >= o.trigger.price if o.trigger.direction == 1 else last <= o.trigger.price)
    ]
    assert book.due("LastPrice", last) == wanted
    assert book.due("MarkPrice", last) == []
    assert bool(book) == bool(left)
