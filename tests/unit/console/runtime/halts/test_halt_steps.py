"""What a person may ask of a halt, and what does not go together."""

import pytest

from bot.state.scope import EVERYTHING, Scope
from console.errors import CommandError
from console.runtime.halts.halt_steps import HaltOrder
from models.enums import ScopeKind

STRATEGY = Scope(ScopeKind.STRATEGY, "alpha")


@pytest.mark.parametrize("kind", ["cancel", "everything", "flatten"])
def test_each_of_three_wishes_cancels(kind: str) -> None:
    assert HaltOrder(EVERYTHING, "drill", **{kind: True}).cancels  # type: ignore[arg-type]
    assert not HaltOrder(EVERYTHING, "drill", stop_exits=True).cancels


def test_what_no_scope_can_have_is_refused() -> None:
    with pytest.raises(CommandError, match="global scope only"):
        HaltOrder(STRATEGY, "drill", everything=True)
    with pytest.raises(CommandError, match="knows no strategies"):
        HaltOrder(STRATEGY, "drill", flatten=True)
