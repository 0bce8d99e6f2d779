"""The screen's layout keeps the state in view at every size."""

import pytest

from bot.safety.halting.halt import TradingHalt
from tests.integration.console.screen.pictures import drawn, view_of
from tests.support.scene import Scene


@pytest.mark.services
def test_120x40_shows_everything_without_cutting_names(traded: Scene) -> None:
    lines = drawn(view_of(traded), 120, 40)
    text = "\n".join(lines)
    assert len(lines) == 40
    assert all(len(drawn) <= 120 for drawn in lines)
    for expected in (
        *("ACTIVE", "equity 100,000.00", "market age 0.2 s", "demo: 9 s left"),
        *("3: 2 allowed, 0 shrunk, 1 denied", "insufficient_confidence", "deny", "allow"),
        *("child orders: 1 filled, 4 planned", "position_size", "90%", "fills: 1"),
        # 0.1 BTC bought at 30000.5 and marked at 30010.5.
        *("30000.5", "+1.00", "positions: 1 open, fees 0.01"),
        *("processes: 13 of 13 run", "paper-exchange", "http://127.0.0.1:5555"),
    ):
        assert expected in text, expected


@pytest.mark.services
@pytest.mark.parametrize("size", [(200, 60), (120, 40), (100, 30), (80, 24), (60, 16), (40, 8)])
def test_every_size_keeps_the_state_and_its_bounds(traded: Scene, size: tuple[int, int]) -> None:
    width, height = size
    TradingHalt(traded.db, traded.clock).halt(reason="drill", actor="tester")
    lines = drawn(view_of(traded), width, height)
    assert len(lines) <= height
    assert all(len(drawn) <= width for drawn in lines)
    assert any("HALTED" in drawn for drawn in lines)
