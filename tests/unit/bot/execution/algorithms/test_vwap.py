"""VWAP: the scenarios' rows, and what must hold for any curve."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import Infeasible
from bot.execution.algorithms import vwap
from bot.execution.algorithms.base import LotRules
from bot.execution.algorithms.vwap import VwapParams

SCENARIOS = yaml.safe_load((Path(__file__).parents[4] / "scenarios" / "execution.yaml").read_text())
D = Decimal
UNIT_LOTS = LotRules(D(1), D(1), D(10**9), D(0))


@pytest.mark.parametrize("row", SCENARIOS["vwap"], ids=lambda row: str(row["curve"]))
def test_the_scenarios_rows_come_out_so(row: dict[str, Any]) -> None:
    curve = tuple(D(volume) for volume in row["curve"])
    schedule = vwap.plan(VwapParams(600, curve), D(row["qty"]), D(10), UNIT_LOTS)
    expected = {
        slot: D(child) for slot, child in enumerate(row["children"]) if "no child" not in child
    }
    assert {s.slot: s.qty for s in schedule.slices} == expected
    assert [s.offset_seconds for s in schedule.slices] == [
        slot * 600 / len(curve) for slot in expected
    ]
    assert schedule.residual == 0
    assert schedule.slots_merged == 0


@pytest.mark.parametrize(
    ("params", "name"),
    [
        (VwapParams(0, (D(1),)), "horizon_seconds"),
        (VwapParams(float("nan"), (D(1),)), "horizon_seconds"),
        (VwapParams(60, ()), "curve"),
        (VwapParams(60, (D(0), D(0))), "curve"),
        (VwapParams(60, (float("inf"),)), "curve"),
    ],
)
def test_an_impossible_parameter_is_refused_by_name(params: VwapParams, name: str) -> None:
    with pytest.raises(Infeasible, match=name):
        vwap.plan(params, D(10), D(10), UNIT_LOTS)


@given(
    lots=st.integers(1, 100_000),
    remainder=st.integers(0, 99),
    step=st.sampled_from(["0.001", "1", "0.00001"]),
    minimum=st.integers(1, 50),
    horizon=st.floats(0.1, 90_000),
    curve=st.lists(st.floats(0, 1e9), min_size=1, max_size=50).filter(any),
)
def test_any_plan_is_exact_on_the_grid_inside_the_horizon_and_over_the_minimum(
    lots: int, remainder: int, step: str, minimum: int, horizon: float, curve: list[float]
) -> None:
    qty = D(lots) * D(step) + D(remainder) * D(step) / 100
    rules = LotRules(D(step), minimum * D(step), D(10**9), D(0))
    try:
        schedule = vwap.plan(VwapParams(horizon, tuple(curve)), qty, D(50), rules)
    except Infeasible:
        assert lots < minimum
        return
    assert schedule.total + schedule.residual == qty
    assert 0 <= schedule.residual < D(step)
    assert all(s.qty >= rules.min_qty and s.qty % D(step) == 0 for s in schedule.slices)
    assert all(curve[s.slot] > 0 and 0 <= s.offset_seconds < horizon for s in schedule.slices)
