"""Every algorithm says how many children it makes, and how it is planned or stepped."""

from typing import Any

import pytest

from bot.execution.algorithms.algorithm import AlgorithmSpec, one_child
from bot.execution.algorithms.table import ALGORITHMS, slice_count
from bot.risk.snapshot import AlgorithmOptions
from models.enums import Algorithm
from tests.unit.bot.risk.cases import D, intent

DISPLAY = AlgorithmOptions(display_notional=D(100))
MODEL = AlgorithmOptions(volume_model="learned")
TIMES = {"horizon_seconds": 60.0, "interval_seconds": 5.0}


def test_every_algorithm_is_in_the_table() -> None:
    assert set(ALGORITHMS) == set(Algorithm)


def test_an_algorithm_without_a_count_of_children_can_not_be_declared() -> None:
    named: dict[str, Any] = {"plan": ALGORITHMS[Algorithm.TWAP].plan}
    with pytest.raises(TypeError, match="children"):
        AlgorithmSpec(**named)
    with pytest.raises(ValueError, match="a plan, or stored parameters and a stepper"):
        AlgorithmSpec(children=one_child)


@pytest.mark.parametrize(
    ("algorithm", "wish", "count"),
    [
        (None, TIMES, 1),
        (Algorithm.IMMEDIATE, TIMES, 1),
        (Algorithm.TWAP, TIMES, 12),
        (Algorithm.TWAP, {"horizon_seconds": 60.0}, 1),
        (Algorithm.TWAP, {"horizon_seconds": 5.0, "interval_seconds": 60.0}, 1),
        (Algorithm.TWAP, {"horizon_seconds": 1e8, "interval_seconds": 1e-8}, 1_000_000),
        (Algorithm.IMPLEMENTATION_SHORTFALL, TIMES, 12),
        (Algorithm.VWAP, {**TIMES, "volume_curve": (1.0, 0.0, 2.0)}, 2),
        (Algorithm.VWAP, TIMES, 1),
        (Algorithm.VWAP, {**TIMES, "options": MODEL}, 12),
        (Algorithm.POV, TIMES, 1),
        (Algorithm.ICEBERG, {"notional": D(1050), "options": DISPLAY}, 10),
        (Algorithm.ICEBERG, {}, 1),
        (Algorithm.PASSIVE, TIMES, 1),
    ],
)
def test_the_gate_counts_children_as_the_algorithm_makes_them(
    algorithm: Algorithm | None, wish: dict[str, Any], count: int
) -> None:
    assert slice_count(algorithm, intent(algorithm=algorithm, **wish)) == count
