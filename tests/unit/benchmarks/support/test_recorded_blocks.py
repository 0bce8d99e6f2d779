"""Recorded minutes through the real gate: blocks with their worth, and the minutes that tell it."""

from datetime import timedelta
from pathlib import Path

from benchmarks.support.recorded_blocks import HORIZON, recorded
from bot.risk.limits import RiskLimits
from tests.unit.benchmarks.support.recorded import MINUTES, SYMBOL, write


def test_a_strategy_on_recorded_minutes_is_blocked_and_its_blocks_are_judged(
    tmp_path: Path,
) -> None:
    write(tmp_path, MINUTES + 180)
    ((symbol, bars, requests, blocks),) = recorded(tmp_path, RiskLimits(min_confidence=0.75))
    assert (symbol, len(bars)) == (SYMBOL, MINUTES + 180)
    assert 0 < len(blocks) <= requests
    assert all(block.profit is not None and block.not_valued is None for block in blocks)
    assert {round(sum(b.share for b in block.blockers), 9) for block in blocks} == {1.0}
    for block in blocks:
        assert block.known_at - block.decided_at >= timedelta(minutes=HORIZON)
        assert block.known_at <= bars[-1].end
