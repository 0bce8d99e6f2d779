"""Implementation shortfall: the paper's table to its printed digits, and exact schedules."""

import itertools
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import Infeasible
from bot.execution.algorithms import implementation_shortfall
from bot.execution.algorithms.base import LotRules
from bot.execution.algorithms.implementation_shortfall import AcParams

SCENARIOS = yaml.safe_load((Path(__file__).parents[4] / "scenarios" / "execution.yaml").read_text())
D = Decimal
PAPER = AcParams(
    price=50,
    shares=1e6,
    horizon=5,
    periods=5,
    sigma=0.95,
    half_spread=0.0625,
    gamma=2.5e-7,
    eta=2.5e-6,
    risk_aversion=0,
)
UNIT_LOTS = LotRules(D(1), D(1), D(10**9), D(0))


def paper(risk_aversion: float) -> AcParams:
    return replace(PAPER, risk_aversion=risk_aversion)


@pytest.mark.parametrize("row", SCENARIOS["almgren_chriss"], ids=lambda row: str(row["lambda"]))
def test_the_papers_table_is_reproduced_to_the_printed_digits(row: dict[str, Any]) -> None:
    params = paper(float(row["lambda"]))
    assert round(params.expected_cost()) == row["cost"]
    assert round(params.standard_deviation()) == row["sd"]
    assert [round(n / 1000, 1) for n in params.trajectory()] == row["trades_k"]


def test_the_half_life_of_the_trade_is_the_published_one() -> None:
    assert round(paper(1e-6).urgency, 4) == 0.6071


def test_an_extremely_urgent_trade_is_done_at_once_without_overflow() -> None:
    urgent = paper(1e9)
    assert urgent.trajectory()[0] == pytest.approx(1e6)
    assert round(urgent.expected_cost()) == 2_562_500
    schedule = implementation_shortfall.plan(urgent, 60, D(10), D(50), UNIT_LOTS)
    assert [(s.slot, s.qty) for s in schedule.slices] == [(0, D(10))]


def test_the_schedule_is_front_loaded_in_the_tables_proportions() -> None:
    schedule = implementation_shortfall.plan(paper(1e-6), 3600, D(10_000), D(50), UNIT_LOTS)
    assert [s.qty for s in schedule.slices] == [4580, 2521, 1420, 858, 621]
    assert [s.offset_seconds for s in schedule.slices] == [0, 720, 1440, 2160, 2880]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("price", 0.0),
        ("shares", -1.0),
        ("horizon", 0.0),
        ("periods", 0),
        ("sigma", float("nan")),
        ("half_spread", -0.1),
        ("gamma", float("inf")),
        ("gamma", 6e-6),
        ("eta", 0.0),
        ("risk_aversion", -1e-6),
    ],
)
def test_an_impossible_parameter_is_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(Infeasible, match=name):
        replace(PAPER, **{name: value})


@given(
    lots=st.integers(1, 100_000),
    remainder=st.integers(0, 99),
    minimum=st.integers(1, 50),
    periods=st.integers(1, 60),
    risk_aversion=st.one_of(st.just(0.0), st.floats(1e-12, 1e-2)),
    horizon=st.floats(0.1, 90_000),
)
def test_any_plan_is_exact_and_its_trajectory_falls_and_sums_to_the_shares(
    lots: int, remainder: int, minimum: int, periods: int, risk_aversion: float, horizon: float
) -> None:
    params = replace(PAPER, periods=periods, risk_aversion=risk_aversion)
    trades = params.trajectory()
    assert sum(trades) == pytest.approx(1e6)
    assert all(n >= later - 1e-3 for n, later in itertools.pairwise(trades))
    qty = D(lots) * D("0.001") + D(remainder) * D("0.00001")
    rules = LotRules(D("0.001"), minimum * D("0.001"), D(10**9), D(0))
    try:
        schedule = implementation_shortfall.plan(params, horizon, qty, D(50), rules)
    except Infeasible:
        assert lots < minimum
        return
    assert schedule.total + schedule.residual == qty
    assert 0 <= schedule.residual < D("0.001")
    assert all(s.qty >= rules.min_qty and s.qty % D("0.001") == 0 for s in schedule.slices)
    assert all(0 <= s.offset_seconds < horizon for s in schedule.slices)
