"""People are told of a flattening that takes too long, also while its block hangs."""

import threading
from collections.abc import Sequence

import pytest

from bot.safety.halting import flat_watch
from bot.safety.halting.flat_watch import FlatWatch
from bot.state.scope import EVERYTHING, Scope
from tests.support.waiting import PATIENCE_SECONDS


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    lines: list[tuple[str, ...]] = []
    monkeypatch.setattr(flat_watch, "tell_not_flat", lambda scope, left: lines.append(tuple(left)))
    return lines


def test_people_are_told_while_a_call_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    heard = threading.Event()
    monkeypatch.setattr(flat_watch, "tell_not_flat", lambda scope, left: heard.set())
    with FlatWatch(EVERYTHING, 0.05):
        assert heard.wait(PATIENCE_SECONDS), "the block has not ended"


def test_the_proven_end_waits_for_what_is_being_told_and_knows_of_it() -> None:
    telling, ended = threading.Event(), threading.Event()

    def tell(scope: Scope, left: Sequence[str]) -> None:
        telling.set()
        threading.Event().wait(0.1)
        ended.set()

    with FlatWatch(EVERYTHING, 0.05, tell) as watch:
        assert telling.wait(PATIENCE_SECONDS)
        assert watch.is_flat()
        assert ended.is_set()


def test_they_are_told_once_and_of_what_is_left(told: list[tuple[str, ...]]) -> None:
    with FlatWatch(EVERYTHING, 0) as watch:
        watch.sees(("BTCUSDT",))
    assert told == [("BTCUSDT",)]


def test_nobody_is_told_when_it_is_flat_or_still_has_time(told: list[tuple[str, ...]]) -> None:
    with FlatWatch(EVERYTHING, 0) as watch:
        assert not watch.is_flat()
    with FlatWatch(EVERYTHING, 3600):
        pass
    assert told == []


def test_an_error_of_the_block_is_told_as_well(told: list[tuple[str, ...]]) -> None:
    with pytest.raises(ValueError, match="novel"), FlatWatch(EVERYTHING, 0):
        raise ValueError("novel")
    assert told == [()]
