"""Columns of a closed vocabulary hold its members, and nothing else."""

import ast
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

from models.enums import ChildState, ParentState, Style, TradingState
from models.stored_enums import StoredEnum, UnknownValue
from models.tables import Base, ChildOrderRow, ParentOrderRow, TradingStateRow

ROOT = Path(__file__).parents[3]
ROOMS = ("bot", "tasks", "workers", "console", "models")
DIALECT = PGDialect_psycopg()
STATES = StoredEnum(ChildState)


@given(st.sampled_from(ChildState))
def test_a_member_is_stored_as_its_word_and_read_back(state: ChildState) -> None:
    stored = STATES.process_bind_param(state, DIALECT)
    assert (type(stored), stored) == (str, state.value)
    assert STATES.process_result_value(stored, DIALECT) is state


def test_null_stays_null() -> None:
    assert STATES.process_bind_param(None, DIALECT) is None
    assert STATES.process_result_value(None, DIALECT) is None


def test_a_word_that_nobody_knows_is_refused_in_both_directions() -> None:
    with pytest.raises(UnknownValue, match="'gone' is no ChildState"):
        STATES.process_result_value("gone", DIALECT)
    with pytest.raises(ValueError, match="gone"):
        ChildOrderRow(state="gone")


def test_a_word_that_nobody_knows_is_read_as_the_strictest_where_that_is_declared() -> None:
    strict = StoredEnum(TradingState, unknown=TradingState.HALTED)
    assert strict.process_result_value("gone", DIALECT) is TradingState.HALTED
    assert strict.process_result_value("active", DIALECT) is TradingState.ACTIVE
    with pytest.raises(ValueError, match="gone"):
        TradingStateRow(state="gone")


def test_a_new_row_holds_members_before_it_was_ever_stored() -> None:
    child = ChildOrderRow(state="planned", style="post_only")
    assert child.state is ChildState.PLANNED
    assert child.style is Style.POST_ONLY
    parent = ParentOrderRow(state=ParentState.WORKING)
    parent.state = ParentState.PAUSED
    assert parent.state is ParentState.PAUSED


def test_what_a_column_holds_already_is_not_wrapped_again() -> None:
    """`ChildState(child.state)` says that nobody trusts the column's type."""
    typed = _typed_columns()
    wrapped = [
        f"{path.relative_to(ROOT)}:{call.lineno}"
        for room in ROOMS
        for path in sorted((ROOT / room).rglob("*.py"))
        for call in ast.walk(ast.parse(path.read_text()))
        if _wraps(call, typed)
    ]
    assert wrapped == []


def _typed_columns() -> dict[str, set[str]]:
    """By vocabulary, the names of the columns that hold it."""
    found: dict[str, set[str]] = {}
    for table in Base.metadata.tables.values():
        for column in table.columns:
            if isinstance(column.type, StoredEnum):
                found.setdefault(column.type.vocabulary.__name__, set()).add(column.name)
    return found


_ROWS = frozenset(
    {"parent", "child", "row", "request", "reservation", "operator", "fill", "state", "known"}
)


def _wraps(node: ast.AST, typed: dict[str, set[str]]) -> bool:
    match node:
        case ast.Call(
            func=ast.Name(id=name), args=[ast.Attribute(value=ast.Name(id=owner), attr=column)]
        ):
            return owner in _ROWS and column in typed.get(name, ())
    return False
