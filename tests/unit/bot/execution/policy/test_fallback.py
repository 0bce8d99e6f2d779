"""Ladders: whose they are, how they are climbed, and that every one of them ends."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bot.execution.algorithms.base import LotRules
from bot.execution.policy.fallback import (
    FallbackPolicy,
    after_fill,
    next_step,
    policy_for,
    respond,
    stored_policy,
)
from bot.execution.policy.fallback_steps import FailedAttempt
from bot.risk.snapshot import AlgorithmOptions
from config.keys.working import WorkingRules
from models.backup import MAX_STEPS, BackupPlan, BackupStep, FailureClass
from models.enums import Algorithm

D = Decimal
LOTS = LotRules(D("0.1"), D("0.5"), D(10_000), D(0))
RULES = WorkingRules()
RETRY, REDUCE, MARKET, OTHER, STOP = BackupStep


def ladder(
    *steps: str, failure: str = "no_liquidity", fallback: str = "immediate"
) -> FallbackPolicy:
    return policy_for({failure: list(steps), "fallback_algorithm": fallback}, RULES)


def failed(
    rest: str = "10",
    failure: FailureClass = FailureClass.NO_LIQUIDITY,
    *,
    number: int = 1,
    seconds_left: float = 3600,
) -> FailedAttempt:
    return FailedAttempt(
        failure=failure,
        rest=D(rest),
        number=number,
        price=D(100),
        seconds_left=seconds_left,
        algorithm=Algorithm.TWAP,
        reduce_only=False,
    )


def climbed(
    of: FallbackPolicy, failure: FailureClass, positions: dict[str, int], times: int
) -> list[BackupStep]:
    steps = []
    for _ in range(times):
        step, positions = next_step(of, failure, positions)
        steps.append(step)
    return steps


def test_without_a_declaration_the_operators_ladders_hold() -> None:
    found = policy_for(None, RULES)
    assert climbed(found, FailureClass.NO_LIQUIDITY, {}, 5) == [RETRY, RETRY, REDUCE, OTHER, STOP]
    assert climbed(found, FailureClass.MARGIN, {}, 3) == [REDUCE, REDUCE, STOP]


def test_a_declared_ladder_replaces_the_operators_for_its_class_alone() -> None:
    found = policy_for(BackupPlan(margin=(RETRY,)), RULES)
    assert climbed(found, FailureClass.MARGIN, {}, 2) == [RETRY, STOP]
    assert found.steps[FailureClass.PRICE] == policy_for(None, RULES).steps[FailureClass.PRICE]


def test_a_mapping_counts_as_its_plan_and_its_absent_values_as_undeclared() -> None:
    found = policy_for({"price": ["retry"], "fallback_algorithm": None, "margin": None}, RULES)
    assert found == policy_for(BackupPlan(price=(RETRY,)), RULES)


def test_a_step_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValidationError, match="price"):
        policy_for({"price": ["again"]}, RULES)
    with pytest.raises(ValueError, match="again"):
        policy_for(None, replace(RULES, backup_price=("again",)))


@pytest.mark.parametrize("reduce_only", [False, True])
def test_a_fatal_failure_stops_at_once(reduce_only: bool) -> None:
    found = policy_for(None, RULES, reduce_only=reduce_only)
    assert climbed(found, FailureClass.FATAL, {}, 1) == [STOP]


def test_a_closed_symbol_stops_what_adds_risk_and_lets_exits_try_again() -> None:
    assert climbed(policy_for(None, RULES), FailureClass.SYMBOL, {}, 1) == [STOP]
    exits = policy_for(None, RULES, reduce_only=True)
    assert climbed(exits, FailureClass.SYMBOL, {}, 2) == [RETRY, STOP]


@pytest.mark.parametrize(
    ("declared", "configured", "reduce_only", "cancels"),
    [
        (True, False, False, True),
        (False, True, False, True),
        (False, False, False, False),
        (True, True, True, False),
    ],
)
def test_rising_risk_cancels_where_either_side_says_so_but_never_an_exit(
    declared: bool, configured: bool, reduce_only: bool, cancels: bool
) -> None:
    rules = replace(RULES, cancel_on_risk_increase=configured)
    plan = BackupPlan(cancel_on_risk_increase=declared)
    assert policy_for(plan, rules, reduce_only=reduce_only).cancel_on_risk_increase is cancels


def test_each_class_has_its_own_place_on_the_ladder() -> None:
    found = policy_for(None, RULES)
    _, positions = next_step(found, FailureClass.MARGIN, {})
    step, positions = next_step(found, FailureClass.PRICE, positions)
    assert step is RETRY
    assert positions == {"margin": 1, "price": 1}


def test_past_the_end_the_position_stays() -> None:
    assert next_step(ladder("retry"), FailureClass.NO_LIQUIDITY, {"no_liquidity": 1}) == (
        STOP,
        {"no_liquidity": 1},
    )


def test_a_fill_of_half_or_more_starts_every_ladder_anew() -> None:
    assert after_fill({"no_liquidity": 2, "price": 1}, qty=D(10), filled=D(5)) == {}


def test_a_small_fill_leaves_the_thin_book_where_it_was() -> None:
    before = {"no_liquidity": 2, "price": 1}
    assert after_fill(before, qty=D(10), filled=D("4.9")) == {"no_liquidity": 2}
    assert after_fill({"price": 1}, qty=D(10), filled=D(1)) == {}
    assert after_fill(before, qty=D(10), filled=D(0)) == before


def test_the_response_is_the_first_possible_rung_and_names_those_it_passed() -> None:
    found, positions = respond(
        ladder("reduce_size", "market_order_fallback"), failed("0.9"), {}, LOTS
    )
    assert (found.step, found.qty) == (MARKET, D("0.9"))
    assert "no reduce_size, half of 0.9 is under the venue's minimum of 0.5" in found.note
    assert positions == {"no_liquidity": 2}


def test_an_algorithm_that_works_already_is_passed_over() -> None:
    found, _ = respond(
        ladder("other_algorithm", fallback="passive"),
        replace(failed(), algorithm=Algorithm.PASSIVE),
        {},
        LOTS,
    )
    assert found.stop
    assert "passive works it already" in found.note


def test_rungs_that_would_come_after_the_deadline_are_passed_over() -> None:
    found, _ = respond(ladder("retry", "market_order_fallback"), failed(seconds_left=0.4), {}, LOTS)
    assert found.step is MARKET


def test_a_ladder_that_the_deadline_cuts_short_is_no_alarm() -> None:
    late = failed(seconds_left=0.5)
    found, positions = respond(ladder("retry", "retry"), late, {}, LOTS)
    assert found.step is None and not found.stop
    assert found.released == D(10)
    assert "0.5 s before the deadline" in found.note
    assert positions == {}


@pytest.mark.parametrize("failure", [FailureClass.FATAL, FailureClass.NO_LIQUIDITY])
def test_a_ladder_at_its_end_is_an_alarm_even_at_the_deadline(failure: FailureClass) -> None:
    late = failed(failure=failure, seconds_left=0.1)
    found, _ = respond(ladder("retry"), late, {"no_liquidity": 1}, LOTS)
    assert found.stop


def test_a_rest_under_the_minimum_takes_no_rung() -> None:
    found, positions = respond(ladder("retry"), failed("0.4"), {"price": 1}, LOTS)
    assert found.step is None and not found.stop
    assert found.released == D("0.4")
    assert positions == {"price": 1}


def test_a_fatal_failure_stops_even_with_a_rest_under_the_minimum() -> None:
    found, _ = respond(policy_for(None, RULES), failed("0.4", FailureClass.FATAL), {}, LOTS)
    assert found.stop


def test_delays_grow_with_the_rungs_where_every_child_is_the_first_of_its_slot() -> None:
    delays, positions = [], {}
    for _ in range(3):
        found, positions = respond(
            ladder("retry", "retry", "retry"), failed(number=1), positions, LOTS
        )
        delays.append(found.delay_seconds)
    assert delays == [0.5, 1.0, 2.0]


def every_class(steps: list[BackupStep], *, reduce_only: bool = False) -> FallbackPolicy:
    names = tuple(step.value for step in steps)
    rules = WorkingRules(
        backup_throttled=names,
        backup_price=names,
        backup_no_liquidity=names,
        backup_timeout=names,
        backup_margin=names,
        backup_rejected=names,
    )
    return policy_for(None, rules, reduce_only=reduce_only)


STEPS = st.lists(st.sampled_from([s for s in BackupStep if s is not STOP]), max_size=MAX_STEPS)


@given(
    steps=STEPS,
    failure=st.sampled_from(FailureClass),
    rest=st.integers(5, 5000),
    reduce_only=st.booleans(),
)
def test_failures_without_a_fill_end_in_a_stop_after_as_many_as_there_are_rungs(
    steps: list[BackupStep], failure: FailureClass, rest: int, *, reduce_only: bool
) -> None:
    of = every_class(steps, reduce_only=reduce_only)
    attempt = replace(failed(failure=failure), rest=rest * LOTS.qty_step, reduce_only=reduce_only)
    positions: dict[str, int] = {}
    for _ in range(len(steps) + 1):
        found, positions = respond(of, attempt, positions, LOTS)
        if found.stop:
            return
        assert found.qty > 0 or found.step is None
        attempt = replace(attempt, rest=found.qty, number=attempt.number + 1)
    raise AssertionError(f"no stop after {len(steps) + 1} failures")


@given(steps=STEPS, total=st.integers(5, 200), data=st.data())
def test_whatever_fills_every_lot_ends_filled_or_released(
    steps: list[BackupStep], total: int, data: st.DataObject
) -> None:
    """Parts that wait go on even where an earlier part stalls, until all are done or one stops."""
    of = every_class(steps)
    rest = total * LOTS.qty_step
    waiting, filled, released = [rest], D(0), D(0)
    positions: dict[str, int] = {}
    attempts = 0
    while waiting:
        attempts += 1
        qty = waiting.pop(0)
        got = data.draw(st.integers(0, int(qty / LOTS.qty_step))) * LOTS.qty_step
        filled += got
        positions = after_fill(positions, qty=qty, filled=got)
        if got == qty:
            continue
        failure = data.draw(st.sampled_from([FailureClass.NO_LIQUIDITY, FailureClass.PRICE]))
        found, positions = respond(of, failed(str(qty - got), failure), positions, LOTS)
        if found.stop:
            released += found.released + sum(waiting, D(0))
            waiting = []
        else:
            released += found.released
            waiting += [part for part in (found.qty, found.later_qty) if part > 0]
    assert filled + released == rest
    assert attempts <= (2 * len(steps) + 1) * (total + 1)


@pytest.mark.parametrize(("most", "wanted"), [(0, [MARKET, STOP]), (2, [RETRY, MARKET, RETRY])])
def test_an_entry_is_tried_again_as_often_as_the_operator_allows_and_an_exit_always(
    most: int, wanted: list[BackupStep]
) -> None:
    plan = BackupPlan(price=(RETRY, MARKET, RETRY, RETRY))
    rules = replace(RULES, max_retries=most)
    entry = policy_for(plan, rules)
    assert climbed(entry, FailureClass.PRICE, {}, len(wanted)) == wanted
    closing = policy_for(plan, rules, reduce_only=True)
    assert closing.steps[FailureClass.PRICE] == (RETRY, MARKET, RETRY, RETRY)
    assert (entry.answer_within_seconds, closing.answer_within_seconds) == (30.0, None)


def test_the_market_order_fallback_reaches_as_far_as_the_operator_says() -> None:
    rules = replace(RULES, backup_max_slippage=D("0.003"))
    policy = policy_for({"price": ["market_order_fallback"]}, rules)
    assert policy.market_order_bps == 30
    attempt = replace(failed(failure=FailureClass.PRICE), widest_bps=policy.market_order_bps)
    effect, _ = respond(policy, attempt, {}, LOTS)
    assert (effect.bound_bps, "at most 30 bps" in effect.note) == (D(30), True)
    stored = stored_policy(Algorithm.TWAP, AlgorithmOptions(), rules, reduce_only=False)
    assert (stored["market_order_bps"], stored["answer_within_seconds"]) == ("30", 30.0)
