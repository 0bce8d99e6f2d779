"""A row holds members of its vocabularies from the moment that they are set."""

import pytest

from models.enums import ChildState, ParentState
from models.tables import Base, ChildOrderRow, ParentOrderRow
from models.tables.base import Money


def test_a_word_that_is_set_becomes_its_member_at_once() -> None:
    child = ChildOrderRow(state="planned")
    assert child.state is ChildState.PLANNED
    child.state = "sending"  # type: ignore[assignment]
    assert child.state is ChildState.SENDING


def test_a_word_that_is_none_is_refused_when_it_is_set() -> None:
    parent = ParentOrderRow(state=ParentState.WORKING)
    with pytest.raises(ValueError, match="odd"):
        parent.state = "odd"  # type: ignore[assignment]
    assert parent.state is ParentState.WORKING


def test_money_has_eighteen_decimals_in_every_table() -> None:
    assert (Money.precision, Money.scale) == (38, 18)
    numeric = [
        c for t in Base.metadata.tables.values() for c in t.columns if "NUMERIC" in str(c.type)
    ]
    assert numeric
    assert {str(column.type) for column in numeric} == {"NUMERIC(38, 18)"}
