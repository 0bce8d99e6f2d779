"""The sound trade of the self-test passes under every usable configuration."""

import pytest

from bot.risk.limits import RiskLimits
from bot.risk.selftest import self_test
from tests.unit.bot.risk.cases import D, limits


@pytest.mark.parametrize(
    "broken",
    [
        limits(max_spread_bps=float("nan")),
        limits(max_position_share=D("NaN")),
        limits(max_positions=0),
        limits(full_size_confidence=1.5),
    ],
)
def test_limits_that_let_no_sound_trade_pass_are_found_out(broken: RiskLimits) -> None:
    assert self_test(broken)
