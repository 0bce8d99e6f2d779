"""TWAP: every row of the scenarios, and what must hold for any quantity, lot and horizon."""

from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import Infeasible
from bot.execution.algorithms import immediate, twap
from bot.execution.algorithms.base import LotRules, Schedule
from bot.execution.algorithms.twap import TwapParams, distorted_sizes

SCENARIOS = yaml.safe_load((Path(__file__).parents[4] / "scenarios" / "execution.yaml").read_text())
D = Decimal


def rules(
    lot: str, *, min_qty: str | None = None, notional: str = "0", most: str = "1e9"
) -> LotRules:
    return LotRules(D(lot), D(min_qty or lot), D(most), D(notional))


def planned(row: dict[str, Any]) -> Schedule:
    params = TwapParams(
        horizon_seconds=row.get("horizon_s", 300),
        interval_seconds=row.get("interval_s", 1),
        slots=row.get("slots"),
    )
    return twap.plan(params, D(row["qty"]), D(100), rules(row["lot"]))


def rows(*keys: str) -> list[dict[str, Any]]:
    return [
        {"lot": "0.1", **row}
        for row in SCENARIOS["twap"]
        if "qty" in row and all(key in row for key in keys)
    ]


def test_six_slots_by_largest_remainder_sum_to_exactly_one() -> None:
    (row,) = [r for r in rows("ours") if r["qty"] == "1" and r["horizon_s"] == 3]
    schedule = planned(row)
    sizes = sorted((s.qty for s in schedule.slices), reverse=True)
    assert sizes == [D("0.167")] * 4 + [D("0.166")] * 2
    assert schedule.total == 1
    assert [s.offset_seconds for s in schedule.slices] == [0, 0.5, 1.0, 1.5, 2.0, 2.5]


def test_two_lots_over_five_slots_are_spread_and_never_sent_at_once() -> None:
    (row,) = [r for r in rows("ours") if r["qty"] == "2"]
    schedule = planned(row)
    assert [s.qty for s in schedule.slices] == [D(1), D(1)]
    first, second = (s.offset_seconds for s in schedule.slices)
    assert first == 0
    assert second >= 0.2
    assert schedule.slots_merged == 3


@pytest.mark.parametrize("row", rows("children"), ids=lambda r: f"{r['qty']}-{r.get('horizon_s')}")
def test_rows_with_named_children_come_out_so(row: dict[str, Any]) -> None:
    schedule = planned(row)
    text = row["children"]
    if row["qty"] == "10":
        assert sorted(s.qty for s in schedule.slices) == [D("0.909")] * 10 + [D("0.910")]
    elif row["qty"] == "10.5":
        assert all(s.qty in (3, 4) for s in schedule.slices)
        assert (schedule.total, schedule.residual) == (D(10), D("0.5"))
    else:
        size, _, rest = text.partition(" x ")
        count, _, times = rest.partition(" @ ")
        assert [s.qty for s in schedule.slices] == [D(size)] * int(count)
        assert [s.offset_seconds for s in schedule.slices] == [float(t) for t in times.split(",")]


def test_ten_slots_send_the_last_slice_too() -> None:
    (row,) = [r for r in rows("ours") if r["qty"] == "1000"]
    assert [s.qty for s in planned(row).slices] == [D(100)] * 10


def test_four_lots_over_ten_slots_are_sent_on_four_of_them() -> None:
    (row,) = [r for r in rows("ours") if r["qty"] == "4"]
    schedule = planned(row)
    assert [s.qty for s in schedule.slices] == [D(1)] * 4
    assert [s.slot for s in schedule.slices] == [0, 2, 5, 7]


INVALID = next(row["invalid"] for row in SCENARIOS["twap"] if "invalid" in row)


@pytest.mark.parametrize("bad", INVALID, ids=str)
def test_an_impossible_parameter_is_refused_by_name(bad: dict[str, float]) -> None:
    name = {"horizon_s": "horizon_seconds", "interval_s": "interval_seconds"}
    params = TwapParams(
        horizon_seconds=float(bad.get("horizon_s", 60)),
        interval_seconds=float(bad.get("interval_s", 1)),
    )
    with pytest.raises(Infeasible, match=name[next(iter(bad))]):
        twap.plan(params, D(10), D(100), rules("1"))


@pytest.mark.parametrize(
    "row", [r for r in SCENARIOS["feasibility"] if "symbol" in r], ids=lambda r: r["symbol"]
)
def test_feasible_size_is_where_the_slots_stop_being_merged(row: dict[str, Any]) -> None:
    lots = rules(row["min_qty"], notional=row["min_notional"])
    params = TwapParams(row["horizon_s"], row["interval_s"])
    price = D(row["last"])
    full = twap.plan(params, D(row["min_size"]), price, lots)
    assert (len(full.slices), full.slots_merged) == (row["children"], 0)
    half = twap.plan(params, (D(row["min_size"]) / 3) // lots.qty_step * lots.qty_step, price, lots)
    assert half.slots_merged > 0
    assert all(s.qty * price >= lots.min_notional and s.qty >= lots.min_qty for s in half.slices)


def test_a_quantity_under_the_minimum_is_refused_by_name() -> None:
    with pytest.raises(Infeasible, match="position_size"):
        immediate.plan(D("0.001"), D(100), rules("0.001", notional="5"))


def test_a_reducing_quantity_is_exempt_from_the_notional_rule_only() -> None:
    schedule = immediate.plan(D("0.001"), D(100), rules("0.001", notional="5"), reduce_only=True)
    assert schedule.total == D("0.001")
    with pytest.raises(Infeasible):
        immediate.plan(D("0.001"), D(100), rules("0.001", min_qty="0.002"), reduce_only=True)


@given(
    lots=st.integers(1, 100_000),
    remainder=st.integers(0, 99),
    step=st.sampled_from(["0.001", "0.01", "1", "0.00001"]),
    horizon=st.floats(0.1, 5000),
    slots=st.integers(1, 500),
    minimum=st.integers(1, 50),
)
def test_any_plan_is_exact_on_the_grid_inside_the_horizon_and_over_the_minimum(
    lots: int, remainder: int, step: str, horizon: float, slots: int, minimum: int
) -> None:
    qty = D(lots) * D(step) + D(remainder) * D(step) / 100
    lot_rules = LotRules(D(step), minimum * D(step), D(10**9), D(0))
    params = TwapParams(horizon, horizon / slots, slots)
    try:
        schedule = twap.plan(params, qty, D(50), lot_rules)
    except Infeasible:
        assert lots < minimum
        return
    assert schedule.total + schedule.residual == qty
    assert 0 <= schedule.residual < D(step)
    assert all(s.qty >= minimum * D(step) and s.qty % D(step) == 0 for s in schedule.slices)
    assert all(0 <= s.offset_seconds < horizon for s in schedule.slices)
    offsets = [s.offset_seconds for s in schedule.slices]
    assert offsets == sorted(set(offsets))
    assert schedule.slots_merged + len(schedule.slices) == slots


@pytest.mark.parametrize("row", SCENARIOS["random_size"], ids=lambda r: str(r["distortion"]))
@pytest.mark.parametrize("seed", range(20))
def test_a_random_slice_stays_in_its_range_over_the_minimum(row: dict[str, Any], seed: int) -> None:
    low, high = (D(end) for end in row["range"])
    lot_rules = rules("0.001", min_qty=row.get("min"))
    params = TwapParams(600, 60, size_distortion=row["distortion"], seed=seed)
    schedule = twap.plan(params, 10 * D(row["slice"]), D(100), lot_rules)
    assert schedule.total == 10 * D(row["slice"])
    assert all(low <= s.qty <= high for s in schedule.slices)
    if "min" not in row:
        assert len({s.qty for s in schedule.slices}) > 5


def test_a_slice_above_the_minimum_is_distorted_down_to_it_only() -> None:
    sizes = distorted_sizes([1200] * 50, 0.4, (1000, 10**6), Random(7))
    assert sum(sizes) == 1200 * 50
    assert all(1000 <= size <= 1680 for size in sizes)


def test_slices_may_be_due_at_the_middle_of_their_slots() -> None:
    schedule = twap.plan(TwapParams(60, 20, start="mid_slot"), D(3), D(100), rules("1"))
    assert [s.offset_seconds for s in schedule.slices] == [10, 30, 50]


def test_the_same_seed_gives_the_same_plan_and_another_seed_another() -> None:
    def offsets(seed: int) -> list[float]:
        params = TwapParams(60, 10, time_distortion=0.5, seed=seed)
        return [s.offset_seconds for s in twap.plan(params, D(60), D(100), rules("1")).slices]

    assert offsets(1) == offsets(1)
    assert offsets(1) != offsets(2)
    assert all(offsets(seed)[0] == 0 for seed in range(10))


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"size_distortion": 1.0, "seed": 1}, "size_distortion"),
        ({"size_distortion": float("nan"), "seed": 1}, "size_distortion"),
        ({"time_distortion": 0.51, "seed": 1}, "time_distortion"),
        ({"time_distortion": -0.1, "seed": 1}, "time_distortion"),
        ({"size_distortion": 0.2}, "seed"),
        ({"start": "whenever"}, "start"),
    ],
)
def test_an_impossible_randomness_is_refused_by_name(change: dict[str, Any], name: str) -> None:
    with pytest.raises(Infeasible, match=name):
        twap.plan(TwapParams(60, 10, **change), D(60), D(100), rules("1"))


@given(
    lots=st.integers(1, 10_000),
    slots=st.integers(1, 100),
    minimum=st.integers(1, 50),
    horizon=st.floats(0.1, 5000),
    size_distortion=st.floats(0, 0.99),
    time_distortion=st.floats(0, 0.5),
    seed=st.integers(),
    start=st.sampled_from(["at_once", "mid_slot"]),
)
def test_any_random_plan_keeps_total_minimum_order_and_horizon(
    lots: int,
    slots: int,
    minimum: int,
    horizon: float,
    size_distortion: float,
    time_distortion: float,
    seed: int,
    start: Any,
) -> None:
    plain = TwapParams(horizon, horizon / slots, slots)
    params = TwapParams(
        horizon, horizon / slots, slots, start, size_distortion, time_distortion, seed
    )
    lot_rules = LotRules(D(1), D(minimum), D(10**9), D(0))
    try:
        even = twap.plan(plain, D(lots), D(50), lot_rules)
    except Infeasible:
        assert lots < minimum
        return
    schedule = twap.plan(params, D(lots), D(50), lot_rules)
    assert schedule.total == lots
    for drawn, planned_slice in zip(schedule.slices, even.slices, strict=True):
        assert drawn.qty >= minimum
        assert abs(drawn.qty - planned_slice.qty) <= planned_slice.qty * D(repr(size_distortion))
    offsets = [s.offset_seconds for s in schedule.slices]
    assert offsets == sorted(offsets)
    assert all(0 <= offset < horizon for offset in offsets)
