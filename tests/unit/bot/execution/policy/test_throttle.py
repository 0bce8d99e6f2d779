"""Risk slows, shrinks or pauses what adds and hurries what reduces, without flapping."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.execution.policy.throttle import Conditions, conditions_of, next_throttle, throttle_rules
from bot.risk.limits import RiskLimits
from config.keys.working import WorkingRules
from models.documents.codec import Unreadable
from models.documents.orders import Throttle, ThrottleKind
from models.documents.stored_form import from_json, to_json
from models.enums import TradeSide, TradingState
from tests.unit.bot.risk import cases

NOW = datetime(2025, 6, 1, 12, tzinfo=UTC)
RULES = WorkingRules()
CALM = Conditions(1.0, 1.0, Decimal("0.1"), 0.1, TradingState.ACTIVE, data_fresh=True)
D = Decimal


def pace(
    current: Throttle | None = None,
    *,
    after: float = 0.0,
    exits: bool = False,
    rules: WorkingRules = RULES,
    **changes: Any,
) -> Throttle:
    """The next pace `after` seconds from NOW, in a calm market but for the changes."""
    conditions = replace(CALM, **changes)
    now = NOW + timedelta(seconds=after)
    return next_throttle(current, conditions, rules, reduce_only=exits, now=now)


def test_a_calm_market_leaves_the_plan_as_it_is() -> None:
    calm = pace()
    assert (calm.kind, calm.rate, calm.since) == (ThrottleKind.NORMAL, 1, NOW)
    assert calm.sentence == "normal: nothing in the way"


@pytest.mark.parametrize(
    ("changes", "kind", "speed", "size", "sentence"),
    [
        (
            {"volatility_ratio": 1.5},
            ThrottleKind.SLOW,
            "0.5",
            "1",
            "slow: volatility over its baseline 1.5 (from 1.5)",
        ),
        (
            {"drawdown_use": 0.5},
            ThrottleKind.SLOW,
            "0.5",
            "1",
            "slow: the used share of the drawdown",
        ),
        (
            {"spread_bps": 10.0},
            ThrottleKind.SHRINK,
            "1",
            "0.5",
            "shrink: the spread in bps 10 (from",
        ),
        ({"depth_share": D("0.3")}, ThrottleKind.SHRINK, "1", "0.5", "near depth 0.3 (from 0.25)"),
        ({"volatility_ratio": 2.5}, ThrottleKind.PAUSE, "0", "1", "pause: volatility"),
        (
            {"spread_bps": 20.0},
            ThrottleKind.PAUSE,
            "0",
            "0.5",
            "pause: the spread in bps 20 (from 20)",
        ),
        ({"drawdown_use": 0.9}, ThrottleKind.PAUSE, "0", "1", "pause: the used share"),
        (
            {"trading_state": TradingState.RECOVERING},
            ThrottleKind.SLOW,
            "0.5",
            "1",
            "slow: the trading state recovering",
        ),
        (
            {"trading_state": TradingState.REDUCING},
            ThrottleKind.PAUSE,
            "0",
            "1",
            "pause: the trading state reducing",
        ),
        ({"data_fresh": False}, ThrottleKind.PAUSE, "0", "1", "pause: market data is stale"),
        (
            {"volatility_ratio": 1.6, "spread_bps": 11.0},
            ThrottleKind.SLOW,
            "0.5",
            "0.5",
            "slow: volatility",
        ),
    ],
)
def test_what_adds_follows_its_conditions(
    changes: dict[str, Any], kind: ThrottleKind, speed: str, size: str, sentence: str
) -> None:
    found = pace(**changes)
    assert (found.kind, found.speed, found.size) == (kind, D(speed), D(size))
    assert sentence in found.sentence


@pytest.mark.parametrize(
    "name", ["volatility_ratio", "spread_bps", "depth_share", "drawdown_use", "trading_state"]
)
def test_what_is_unknown_pauses_what_adds_and_leaves_exits_alone(name: str) -> None:
    stopped = pace(**{name: None})
    assert (stopped.kind, stopped.rate) == (ThrottleKind.PAUSE, 0)
    assert "unknown" in stopped.cause
    assert pace(exits=True, **{name: None}).kind is ThrottleKind.NORMAL


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"volatility_ratio": 1.5}, ThrottleKind.HURRY),
        ({"drawdown_use": 0.5}, ThrottleKind.HURRY),
        ({"trading_state": TradingState.HALTED}, ThrottleKind.HURRY),
        ({"trading_state": TradingState.REDUCING}, ThrottleKind.NORMAL),
        ({"spread_bps": 500.0}, ThrottleKind.NORMAL),
        ({"depth_share": D(10)}, ThrottleKind.NORMAL),
        ({"data_fresh": False}, ThrottleKind.NORMAL),
    ],
)
def test_exits_are_hurried_by_stress_and_by_nothing_else(
    changes: dict[str, Any], kind: ThrottleKind
) -> None:
    found = pace(exits=True, **changes)
    assert found.kind is kind
    assert found.rate == (2 if kind is ThrottleKind.HURRY else 1)


def test_tightening_acts_at_once_even_just_after_a_change() -> None:
    slow = pace(volatility_ratio=1.6)
    paused = pace(slow, after=0.001, volatility_ratio=2.6)
    assert paused.kind is ThrottleKind.PAUSE
    assert paused.since == NOW + timedelta(seconds=0.001)


def test_a_condition_ends_below_its_band_and_after_its_time_only() -> None:
    slow = pace(volatility_ratio=1.6)
    assert pace(slow, after=60, volatility_ratio=1.2) is slow, "1.2 is 1.5 x (1 - 0.2)"
    assert pace(slow, after=4.9, volatility_ratio=1.0) is slow
    eased = pace(slow, after=5, volatility_ratio=1.19)
    assert (eased.kind, eased.since) == (ThrottleKind.NORMAL, NOW + timedelta(seconds=5))


def test_a_pause_is_eased_step_by_step() -> None:
    paused = pace(volatility_ratio=2.6)
    slow = pace(paused, after=5, volatility_ratio=1.9)
    assert slow.kind is ThrottleKind.SLOW
    assert pace(slow, after=9, volatility_ratio=1.0) is slow
    assert pace(slow, after=10, volatility_ratio=1.0).kind is ThrottleKind.NORMAL


def test_what_holds_goes_on_holding_while_its_measure_is_unknown() -> None:
    slow = pace(volatility_ratio=1.6)
    blind = pace(slow, after=60, volatility_ratio=None)
    assert blind.kind is ThrottleKind.PAUSE
    assert pace(blind, after=120, volatility_ratio=1.3).kind is ThrottleKind.SLOW


def test_a_measure_that_is_no_number_stops_what_adds() -> None:
    assert pace(spread_bps=float("nan")).kind is ThrottleKind.PAUSE


def test_a_new_value_of_the_same_reason_is_no_change() -> None:
    slow = pace(volatility_ratio=1.6)
    assert pace(slow, after=60, volatility_ratio=2.4) is slow


def test_a_change_of_the_rules_acts_on_what_is_under_way() -> None:
    slow = pace(volatility_ratio=1.6)
    slower = pace(slow, after=1, volatility_ratio=1.6, rules=replace(RULES, slow_speed=D("0.25")))
    assert slower.speed == D("0.25")


def test_a_tightened_limit_of_the_gate_pauses_what_adds() -> None:
    rules = throttle_rules(RiskLimits(max_spread_bps=4.0, max_volatility_ratio=1.3))
    assert pace(spread_bps=4.0, rules=rules).kind is ThrottleKind.PAUSE
    assert pace(volatility_ratio=1.3, rules=rules).kind is ThrottleKind.PAUSE
    assert throttle_rules(RiskLimits()) == RULES, "the base values leave the section as it is"


def test_conditions_are_measured_from_the_market_and_the_drawdown() -> None:
    measured = conditions_of(
        cases.market(bid=D("29990"), ask=D("30010"), volatility=0.045),
        side=TradeSide.SELL,
        remaining_notional=D("300000"),
        drawdown_share=D("0.04"),
        trading_state=TradingState.ACTIVE,
        limits=cases.LIMITS,
        now=cases.NOW,
    )
    assert measured.volatility_ratio == pytest.approx(1.5)
    assert measured.spread_bps == pytest.approx(20 / 30000 * 1e4)
    assert measured.depth_share == D("0.1")
    assert measured.drawdown_use == pytest.approx(0.4)
    assert measured.data_fresh


@pytest.mark.parametrize(("age", "fresh"), [(5.0, True), (5.1, False), (-2.0, True), (-2.1, False)])
def test_a_market_view_is_fresh_within_the_gates_age_and_skew(age: float, fresh: bool) -> None:
    market = cases.market(as_of=cases.NOW - timedelta(seconds=age))
    measured = conditions_of(
        market,
        side=TradeSide.BUY,
        remaining_notional=D(1),
        drawdown_share=D(0),
        trading_state=TradingState.ACTIVE,
        limits=cases.LIMITS,
        now=cases.NOW,
    )
    assert measured.data_fresh is fresh


def test_without_a_market_everything_of_it_is_unknown() -> None:
    measured = conditions_of(
        None,
        side=TradeSide.BUY,
        remaining_notional=D(1),
        drawdown_share=None,
        trading_state=None,
        limits=cases.LIMITS,
        now=cases.NOW,
    )
    assert measured == Conditions(None, None, None, None, None, data_fresh=False)


def test_a_pace_survives_the_way_through_json_and_nothing_else_is_read() -> None:
    for found in (pace(), pace(volatility_ratio=1.6), pace(trading_state=TradingState.HALTED)):
        assert from_json(Throttle, to_json(found)) == found
    with pytest.raises(Unreadable):
        from_json(Throttle, to_json(pace()) | {"kind": "gallop"})


# What must always hold.

ratios = st.none() | st.floats(0, 5, allow_nan=False)
spreads = st.none() | st.floats(0, 40, allow_nan=False)
depths = st.none() | st.decimals(0, 1, places=3)
uses = st.none() | st.floats(0, 1.5, allow_nan=False)
states = st.none() | st.sampled_from(TradingState)
anything = st.builds(Conditions, ratios, spreads, depths, uses, states, st.booleans())
moments = st.lists(st.tuples(st.floats(0, 12), anything), max_size=6)


def walked(
    steps: list[tuple[float, Conditions]], *, exits: bool
) -> tuple[list[Throttle], datetime]:
    paces: list[Throttle] = []
    now = NOW
    for seconds, conditions in steps:
        now += timedelta(seconds=seconds)
        current = paces[-1] if paces else None
        paces.append(next_throttle(current, conditions, RULES, reduce_only=exits, now=now))
    return paces, now


def worse(one: Any, other: Any) -> Any:
    return None if one is None or other is None else max(one, other)


def worse_state(one: TradingState | None, other: TradingState | None) -> TradingState | None:
    return (
        None
        if one is None or other is None
        else max(one, other, key=lambda state: state.strictness)
    )


@given(moments, st.floats(0, 12), anything, anything)
def test_more_risk_never_gives_a_faster_pace_for_what_adds(
    past: list[tuple[float, Conditions]], wait: float, one: Conditions, other: Conditions
) -> None:
    riskier = Conditions(
        worse(one.volatility_ratio, other.volatility_ratio),
        worse(one.spread_bps, other.spread_bps),
        worse(one.depth_share, other.depth_share),
        worse(one.drawdown_use, other.drawdown_use),
        worse_state(one.trading_state, other.trading_state),
        one.data_fresh and other.data_fresh,
    )
    paces, now = walked(past, exits=False)
    current = paces[-1] if paces else None
    now += timedelta(seconds=wait)
    safe = next_throttle(current, one, RULES, reduce_only=False, now=now)
    risky = next_throttle(current, riskier, RULES, reduce_only=False, now=now)
    assert risky.rate <= safe.rate


@given(moments)
def test_exits_are_never_paused_slowed_or_shrunk(past: list[tuple[float, Conditions]]) -> None:
    for found in walked(past, exits=True)[0]:
        assert found.kind in (ThrottleKind.NORMAL, ThrottleKind.HURRY)
        assert found.speed >= 1
        assert found.size == 1


@given(moments)
def test_what_adds_is_never_hurried(past: list[tuple[float, Conditions]]) -> None:
    for found in walked(past, exits=False)[0]:
        assert found.rate <= 1


@given(moments, st.booleans())
def test_no_pace_is_eased_before_its_time(
    past: list[tuple[float, Conditions]], exits: bool
) -> None:
    paces, _ = walked(past, exits=exits)
    for before, after in pairwise(paces):
        if not set(before.holds) <= set(after.holds):
            lasted = after.since - before.since
            assert lasted >= timedelta(seconds=RULES.min_pace_seconds)


def bands(*thresholds: float) -> st.SearchStrategy[tuple[float, float]]:
    keep = 1 - D(str(RULES.hysteresis))
    return st.sampled_from([(float(D(str(limit)) * keep), limit) for limit in thresholds])


@given(moments, st.data(), st.booleans())
def test_measures_that_stay_inside_their_bands_change_nothing(
    past: list[tuple[float, Conditions]], data: st.DataObject, exits: bool
) -> None:
    """After the first look, whatever came before: no flapping."""
    chosen = {
        "volatility_ratio": data.draw(
            bands(RULES.slow_volatility_ratio, RULES.pause_volatility_ratio)
        ),
        "spread_bps": data.draw(bands(RULES.shrink_spread_bps, RULES.pause_spread_bps)),
        "drawdown_use": data.draw(bands(RULES.slow_drawdown_use, RULES.pause_drawdown_use)),
    }
    paces, now = walked(past, exits=exits)
    current = paces[-1] if paces else None
    settled: Throttle | None = None
    for _ in range(4):
        inside = {
            name: data.draw(st.floats(low, high, exclude_max=True))
            for name, (low, high) in chosen.items()
        }
        now += timedelta(seconds=RULES.min_pace_seconds)
        current = next_throttle(current, replace(CALM, **inside), RULES, reduce_only=exits, now=now)
        settled = settled or current
        assert current is settled


@given(anything, st.booleans())
def test_the_same_conditions_again_change_nothing(conditions: Conditions, exits: bool) -> None:
    first = next_throttle(None, conditions, RULES, reduce_only=exits, now=NOW)
    for seconds in (0, 1, 100):
        now = NOW + timedelta(seconds=seconds)
        assert next_throttle(first, conditions, RULES, reduce_only=exits, now=now) is first
