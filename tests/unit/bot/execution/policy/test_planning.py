"""An approved decision becomes a plan whose wishes, residual, ladder and limits are recorded."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from bot.errors import Infeasible
from bot.execution.policy.planning import ParentPlan, plan_parent
from bot.risk.gate import evaluate
from bot.risk.snapshot import AlgorithmOptions
from config.keys.working import WorkingRules
from models.enums import Algorithm
from tests.unit.bot.risk.cases import LIMITS, NOW, intent, market, snapshot

D = Decimal
OPEN = market(traded_qty=D(5), traded_since=NOW)


def plan(options: AlgorithmOptions | None = None, **changes: Any) -> ParentPlan:
    wish = intent(options=options or AlgorithmOptions(), **changes)
    decision = evaluate(wish, snapshot(market=OPEN), LIMITS)
    assert decision.approved, decision.reasons
    return plan_parent(wish, decision, snapshot(market=OPEN), LIMITS)


def test_a_random_twap_gives_the_same_plan_for_the_same_seed() -> None:
    options = AlgorithmOptions(size_distortion=0.4, time_distortion=0.4, seed=7)
    wish: dict[str, Any] = {
        "algorithm": Algorithm.TWAP,
        "horizon_seconds": 60.0,
        "interval_seconds": 10.0,
        "notional": D("9000"),
    }
    first, again = plan(options, **wish), plan(options, **wish)
    other = plan(replace(options, seed=8), **wish)
    assert first == again
    assert first.schedule.slices != other.schedule.slices
    assert first.schedule.total == other.schedule.total == first.qty
    assert first.params["size_distortion"] == 0.4
    assert "seed" not in first.params, "who reads the plan must not be able to draw the next one"


def test_a_twap_in_the_middle_of_its_slots_begins_half_an_interval_late() -> None:
    found = plan(
        AlgorithmOptions(start="mid_slot"),
        algorithm=Algorithm.TWAP,
        horizon_seconds=60.0,
        interval_seconds=20.0,
    )
    assert [s.offset_seconds for s in found.schedule.slices] == [10.0, 30.0, 50.0]


@pytest.mark.parametrize(
    ("algorithm", "options"),
    [
        (Algorithm.POV, AlgorithmOptions()),
        (Algorithm.ICEBERG, AlgorithmOptions()),
        (Algorithm.PASSIVE, AlgorithmOptions()),
        (Algorithm.VWAP, AlgorithmOptions(volume_model="learned")),
    ],
)
def test_a_stepped_trade_is_planned_without_slices_and_with_all_it_needs(
    algorithm: Algorithm, options: AlgorithmOptions
) -> None:
    found = plan(options, algorithm=algorithm)
    assert found.stepped
    assert found.schedule.slices == ()
    assert found.qty == D("0.100")
    assert found.params["backup"]["rungs"]["no_liquidity"]
    assert found.params["spacing_seconds"] > 0


@pytest.mark.parametrize(("asked", "given"), [(8.0, 8.0), (60.0, 60.0), (1.0, 5.0)])
def test_a_stepped_trade_ends_when_it_was_asked_to(asked: float, given: float) -> None:
    """The last slice's time for a re-send is not for what has no slices."""
    wish = intent(algorithm=Algorithm.PASSIVE, horizon_seconds=asked)
    decision = evaluate(wish, snapshot(), LIMITS)
    found = plan_parent(wish, decision, snapshot(), LIMITS)
    assert found.deadline_at == decision.decided_at + timedelta(seconds=given)


def test_pov_without_a_known_volume_is_refused() -> None:
    wish = intent(algorithm=Algorithm.POV)
    decision = evaluate(wish, snapshot(), LIMITS)
    with pytest.raises(Infeasible, match="traded volume"):
        plan_parent(wish, decision, snapshot(), LIMITS)


def test_the_fallback_limit_is_one_percent_and_never_past_the_strategys_own() -> None:
    assert D(plan(algorithm=Algorithm.IMMEDIATE).params["fallback_limit"]) == D("30300")
    own = plan(algorithm=Algorithm.IMMEDIATE, limit_price=D("30020"))
    assert D(own.params["fallback_limit"]) == own.price_limit == D("30020")


def test_the_fallback_limit_is_as_far_as_the_operator_says() -> None:
    wish = intent(algorithm=Algorithm.IMMEDIATE)
    limits = replace(LIMITS, working=WorkingRules(backup_max_slippage=D("0.006")))
    seen = snapshot(market=OPEN)
    made = plan_parent(wish, evaluate(wish, seen, limits), seen, limits)
    assert D(made.params["fallback_limit"]) == D("30180")
    assert made.params["backup"]["market_order_bps"] == "60"


def test_a_declared_ladder_replaces_the_operators_and_the_fallback_rests_or_takes() -> None:
    declared = AlgorithmOptions(backup_ladders={"price": ("market_order_fallback",)})
    ladder = plan(declared, algorithm=Algorithm.TWAP).params["backup"]
    assert ladder["rungs"]["price"] == ["market_order_fallback"]
    assert ladder["rungs"]["margin"] == ["reduce_size", "reduce_size"]
    assert ladder["fallback_algorithm"] == "passive"
    assert plan(algorithm=Algorithm.PASSIVE).params["backup"]["fallback_algorithm"] == "immediate"


def test_why_the_algorithm_was_chosen_is_recorded() -> None:
    assert plan(algorithm=Algorithm.ICEBERG).params["chosen_because"] == "asked for by the strategy"
    assert "near depth" in plan().params["chosen_because"]
