"""A scope of a trading state covers the parents that it names."""

import pytest

from models.enums import ScopeKind
from models.repositories.safety.scoping import parents_of


@pytest.mark.parametrize("kind", ScopeKind)
def test_every_scope_names_the_column_that_it_compares(kind: ScopeKind) -> None:
    condition = str(parents_of(kind, "x").compile(compile_kwargs={"literal_binds": True}))
    expected = "true" if kind is ScopeKind.GLOBAL else f"parent_order.{kind} = 'x'"
    assert condition == expected
