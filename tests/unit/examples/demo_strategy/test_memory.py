"""What a run of the demo strategy held is there for the next one, or nothing is."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from examples.demo_strategy.memory import Memory
from examples.demo_strategy.strategy import Strategy

SINCE = datetime(2026, 1, 1, tzinfo=UTC).isoformat()
HELD = {"BTCUSDT": {"rises": False, "price": 100.5, "lots": 3, "since": SINCE}}


def a_strategy() -> Strategy:
    return Strategy(["BTCUSDT"], seed=1, rate=1, notional=Decimal(800))


def test_what_is_kept_is_recalled(tmp_path: Path) -> None:
    memory, first, second = Memory(tmp_path / "held.json"), a_strategy(), a_strategy()
    first.take_up(HELD)
    memory.keep(first)
    memory.recall(second)
    assert second.held() == HELD
    assert [file.name for file in tmp_path.iterdir()] == ["held.json"]


@pytest.mark.parametrize(
    "spoilt",
    [
        *("", "[]", "1", None, '{"BTCUSDT": 1}', '{"BTCUSDT": {"rises": true}}'),
        json.dumps({"BTCUSDT": {**HELD["BTCUSDT"], "price": 0}}),
        json.dumps({"BTCUSDT": {**HELD["BTCUSDT"], "since": "2026-01-01T00:00:00"}}),
    ],
)
def test_a_file_that_is_not_ours_or_not_there_is_nothing(
    tmp_path: Path, spoilt: str | None
) -> None:
    path, strategy = tmp_path / "held.json", a_strategy()
    if spoilt is not None:
        path.write_text(spoilt)
    Memory(path).recall(strategy)
    assert strategy.held() == {}


def test_a_file_that_cant_be_written_ends_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    Memory(tmp_path / "none" / "held.json").keep(a_strategy())
    assert "can't be written" in caplog.text
    Memory(None).keep(a_strategy())
