"""One module moves the states of orders; the table says what may follow what."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.execution.orders.transitions import CHILD_MOVES, PARENT_MOVES
from models.enums import ChildState, ParentState

ROOT = Path(__file__).parents[5]
ROOMS = ("bot", "tasks", "workers", "console", "models")
HOMES = {"bot/execution/orders/transitions.py", "bot/execution/orders/request_status.py"}
OTHER_MACHINES = {
    "models/repositories/safety/states.py": "trading states",
    "bot/limits/service.py": "versions of limits",
    "bot/safety/alerts/acknowledging.py": "alerts",
    "bot/safety/alerts/escalating.py": "alerts",
    "models/alerts/raising.py": "alerts",
    "bot/safety/positions/stops.py": "protective stops",
}
"""Modules that set the state of rows that are no orders."""
OWNED = frozenset(
    {
        *("state", "lease_owner", "lease_until", "fencing_token"),
        *("final_at", "finished_at", "acked_at"),
        "status",
        *("stop_reason", "stop_cause", "end_reason", "end_cause", "venue_reason"),
    }
)
"""Columns that `transitions` and `request_status` alone set."""
ORDER_ROWS = frozenset({"ParentOrderRow", "ChildOrderRow", "ReservationRow", "TradeRequestRow"})
BEGINNINGS = frozenset({"planned_child", "working_parent", "held_reservation", "received_request"})
ROWS_OR_BEGINNINGS = ORDER_ROWS | BEGINNINGS


def test_nothing_else_sets_a_state_of_an_order() -> None:
    found = [
        f"{place}:{line}"
        for room in ROOMS
        for path in sorted((ROOT / room).rglob("*.py"))
        if (place := str(path.relative_to(ROOT))) not in HOMES and "migrations" not in place
        for line in _assignments(ast.parse(path.read_text()), place)
    ]
    assert found == []


def _assignments(tree: ast.Module, place: str) -> Iterator[int]:
    for node in ast.walk(tree):
        if place in OTHER_MACHINES:
            continue
        match node:
            case ast.Attribute(attr=name, ctx=ast.Store()) if name in OWNED:
                yield node.lineno
            case ast.Call(func=ast.Attribute(attr="values"), keywords=given):
                yield from _owned(given)
            case ast.Call(func=ast.Name(id=name), keywords=given) if name in ROWS_OR_BEGINNINGS:
                yield from _owned(given)
            case ast.Call(func=ast.Attribute(attr=name), keywords=given) if name in BEGINNINGS:
                yield from _owned(given)
            case ast.Call(func=ast.Name(id="setattr"), args=[_, ast.Constant(value=name), _]):
                if name in OWNED:
                    yield node.lineno


def _owned(given: list[ast.keyword]) -> Iterator[int]:
    return (each.value.lineno for each in given if each.arg in OWNED)


def test_the_table_knows_every_state() -> None:
    assert set(CHILD_MOVES) == set(ChildState)
    assert set(PARENT_MOVES) == set(ParentState)


@pytest.mark.parametrize("state", ChildState)
def test_an_ended_child_can_only_be_filled_late(state: ChildState) -> None:
    if state.is_final:
        assert CHILD_MOVES[state] <= {ChildState.FILLED}
    else:
        assert CHILD_MOVES[state] & {each for each in ChildState if each.is_final}


def test_only_a_planned_child_is_sent_and_only_one_that_is_not_taken_is_planned_again() -> None:
    before_sending = {state for state, after in CHILD_MOVES.items() if ChildState.SENDING in after}
    assert before_sending == {ChildState.PLANNED}
    planned_again = {state for state, after in CHILD_MOVES.items() if ChildState.PLANNED in after}
    assert planned_again == {ChildState.SENDING, ChildState.UNKNOWN}


def test_only_what_was_acknowledged_can_be_lost() -> None:
    losable = {state for state, after in CHILD_MOVES.items() if ChildState.LOST in after}
    assert losable == {ChildState.ACKED, ChildState.WORKING}


def test_no_parent_comes_back_from_its_end() -> None:
    for state, after in PARENT_MOVES.items():
        if state.is_final:
            assert all(each.is_final for each in after)
