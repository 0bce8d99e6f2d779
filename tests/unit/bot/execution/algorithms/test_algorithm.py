"""The interface of an algorithm: its own parameters, and how many children it makes."""

import pytest

from bot.errors import Infeasible
from bot.execution.algorithms.algorithm import (
    MAX_CHILDREN,
    AlgorithmSpec,
    Order,
    Parameters,
    by_interval,
    exact,
    one_child,
)
from bot.execution.algorithms.base import LotRules
from bot.execution.algorithms.table import ALGORITHMS
from bot.risk.snapshot import AlgorithmOptions
from models.enums import Algorithm
from tests.unit.bot.risk.cases import D, intent


class Wanted(Parameters):
    depth: int = 3


def order(parameters: str | None) -> Order:
    return Order(
        wish=intent(options=AlgorithmOptions(parameters=parameters)),
        qty=D(1),
        price=D(100),
        worst=D(99),
        rules=LotRules(D(1), D(1), D(10), D(5)),
        reduce_only=False,
        horizon_seconds=60.0,
        interval_seconds=5.0,
        max_slices=100,
    )


def test_an_algorithms_own_parameters_are_read_or_its_defaults_hold() -> None:
    assert order('{"depth": 5}').parameters(Wanted).depth == 5
    assert order(None).parameters(Wanted).depth == 3


@pytest.mark.parametrize(
    ("text", "name"),
    [('{"depth": "deep"}', "parameters.depth"), ('{"dept": 5}', "parameters.dept")],
)
def test_a_wrong_or_unknown_parameter_is_refused_by_name(text: str, name: str) -> None:
    with pytest.raises(Infeasible, match=name):
        order(text).parameters(Wanted)


@pytest.mark.parametrize(
    ("horizon", "interval", "count"),
    [
        (60.0, 5.0, 12),
        (61.0, 5.0, 12),
        (5.0, 5.0, 1),
        (4.0, 5.0, 1),
        (None, 5.0, 1),
        (60.0, None, 1),
        (60.0, 0.0, 1),
        (60.0, -1.0, 1),
        (1e8, 1e-6, MAX_CHILDREN),
    ],
)
def test_children_are_counted_by_the_interval_and_never_beyond_the_count_of_all(
    horizon: float | None, interval: float | None, count: int
) -> None:
    assert by_interval(intent(horizon_seconds=horizon, interval_seconds=interval)) == count


def test_an_algorithm_without_a_plan_works_step_by_step() -> None:
    wish = intent()
    assert ALGORITHMS[Algorithm.ICEBERG].steps(wish)
    assert not ALGORITHMS[Algorithm.IMMEDIATE].steps(wish)
    planned = ALGORITHMS[Algorithm.TWAP].plan
    spec = AlgorithmSpec(children=one_child, plan=planned, is_stepped=lambda _: True)
    assert spec.steps(wish)


def test_a_share_is_what_the_message_said() -> None:
    assert exact(0.1) == D("0.1")
