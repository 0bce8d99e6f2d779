"""A halt by a message records its sender's word as a note and tells what went wrong."""

from types import SimpleNamespace
from typing import Any

import pytest

from models.enums import TradingState
from tasks import emergency


class Halts:
    """Remembers how it was asked."""

    def __init__(self) -> None:
        self.asked: dict[str, Any] = {}

    def halt(self, **how: Any) -> Any:
        self.asked = how
        return SimpleNamespace(state=TradingState.HALTED, problems=("one", "two"))


def test_a_senders_word_is_a_note_and_every_problem_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    halts = Halts()
    monkeypatch.setattr(emergency, "services", lambda: SimpleNamespace(trading_halt=halts))
    told = emergency.halt("drill", "operator:ann", cancel=True)
    assert told == {"state": "halted", "problems": ["one", "two"]}
    assert halts.asked["actor"].startswith("task:")
    assert halts.asked["actor"].endswith("(note: operator:ann)")
    assert (halts.asked["reason"], halts.asked["cancel"], halts.asked["stop_exits"]) == (
        *("drill", True, False),
    )
