"""A schedule's slices share the size and fit into its time."""

import pytest

from models.enums import Algorithm
from tests.unit.bot.risk import cases
from tests.unit.bot.risk.cases import D
from tests.unit.bot.risk.checks.asking import FAIL, PASS, UNKNOWN, ago, asked, ruled, trading, twap

SCHEDULES = [
    (100.0, 10.0, "10", "300"),
    (10.0, 10.0, "1", "3000"),
    (15.0, 10.0, "1", "3000"),
    (20.0, 10.0, "2", "1500"),
]


@pytest.mark.parametrize(("horizon", "interval", "slices", "child"), SCHEDULES)
def test_a_schedules_slices_share_the_size(
    horizon: float, interval: float, slices: str, child: str
) -> None:
    intent = twap(horizon, interval)
    assert asked("slices", intent).value == slices
    assert asked("depth", intent).value == child
    assert asked("max_qty", intent).value == format(D("0.1") / D(slices), "f")
    thin = trading(ask_depth=D(child) * 2)
    assert asked("depth", intent, thin).status is PASS
    assert asked("depth", intent, trading(ask_depth=D(child) * 2 - 1)).cap == D(slices) * (
        D(child) - D("0.5")
    )


def test_times_that_make_no_schedule_are_refused() -> None:
    for horizon, interval in ((0.0, 1.0), (1.0, 0.0), (float("nan"), 1.0), (1e9, 1.0)):
        assert asked("slices", twap(horizon, interval)).status is UNKNOWN
    assert asked("slices", twap(5.0, 10.0)).status is FAIL
    assert asked("slices", twap(2000.0, 1.0)).status is PASS
    assert asked("slices", twap(2001.0, 1.0)).status is FAIL
    at_once = cases.intent(
        algorithm=Algorithm.IMMEDIATE, horizon_seconds=99.0, interval_seconds=1.0
    )
    assert asked("slices", at_once).value == "1"


def test_a_schedule_has_to_end_before_the_request_expires() -> None:
    assert asked("time_to_expiry", twap(60.0, 10.0, expires_at=ago(-61))).status is PASS
    assert asked("time_to_expiry", twap(60.0, 10.0, expires_at=ago(-60.9))).status is FAIL


def test_the_largest_order_counts_per_slice() -> None:
    result = asked("max_qty", twap(100.0, 10.0), ruled(max_qty=D("0.005")))
    assert (result.status, result.cap) == (FAIL, D("1500"))
