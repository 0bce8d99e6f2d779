"""The conditions of open rows are written with literals, as partial indexes need them."""

from sqlalchemy.dialects import postgresql

from models.enums import ChildState, ParentState
from models.open_rows import (
    CHILD_IS_OPEN,
    CHILD_IS_PLANNED,
    CHILD_MAY_BE_AT_EXCHANGE,
    PARENT_IS_OPEN,
)


def text_of(condition: object) -> str:
    options = {"literal_binds": True}
    compiled = condition.compile(  # type: ignore[attr-defined]
        dialect=postgresql.dialect(), compile_kwargs=options
    )
    return str(compiled)


def test_open_children_are_those_that_are_not_final() -> None:
    told = text_of(CHILD_IS_OPEN)
    for state in ChildState:
        assert (f"'{state}'" in told) is not state.is_final


def test_what_may_be_at_the_exchange_is_a_part_of_what_is_open() -> None:
    told = text_of(CHILD_MAY_BE_AT_EXCHANGE)
    for state in ChildState:
        assert (f"'{state}'" in told) is state.may_be_at_exchange
    assert "'planned'" in text_of(CHILD_IS_PLANNED)
    assert "'planned'" not in told


def test_open_parents_are_those_that_are_not_final() -> None:
    told = text_of(PARENT_IS_OPEN)
    for state in ParentState:
        assert (f"'{state}'" in told) is not state.is_final
