"""Soft blocks: approved entries near a limit, found from the decision and its limits alone."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.risk import codec
from bot.risk.checks.registry import CHECKS
from bot.risk.decision import Decision
from bot.risk.gate import evaluate
from bot.risk.limits import SOFT_CHECKS, RiskLimits
from bot.risk.rule import Sense
from bot.risk.soft import soft_blocks
from config.limits import DEFAULT_SOFT_CHECKS
from models.enums import Verdict
from tests.unit.bot.risk import cases

D = Decimal


def decided(notional: str, limits: RiskLimits, **changes: Any) -> Decision:
    intent = replace(cases.intent(), notional=D(notional), **changes)
    return evaluate(intent, cases.snapshot(), limits)


def limits(soft: float | None, *checks: str, **changes: Any) -> RiskLimits:
    named = frozenset(checks or ("order_notional",))
    return cases.limits(soft_share=soft, soft_checks=named, max_order_notional=D(4000), **changes)


def test_from_the_soft_level_on_an_approved_entry_is_soft() -> None:
    rules = limits(0.8)
    below, at = decided("3199", rules), decided("3200", rules)
    assert below.verdict is not Verdict.DENY and at.verdict is not Verdict.DENY
    assert soft_blocks(below, rules) == ()
    (found,) = soft_blocks(at, rules)
    assert (found.check, found.value, found.limit) == ("order_notional", D(3200), D(4000))
    assert found.sentence == (
        "order_notional uses 80.0% of its limit (3200 of 4000 USDT); it is soft from 80.0% on"
    )


def test_without_a_share_nothing_is_soft_and_a_denial_is_hard() -> None:
    assert soft_blocks(decided("3900", limits(None)), limits(None)) == ()
    beyond = decided("4001", limits(0.8))
    assert beyond.verdict is Verdict.DENY
    assert soft_blocks(beyond, limits(0.8)) == ()


def test_a_limit_that_made_the_trade_smaller_is_used_up() -> None:
    rules = limits(0.9, hard_caps=frozenset())
    shrunk = decided("9000", rules)
    assert shrunk.verdict is Verdict.SHRINK
    (found,) = soft_blocks(shrunk, rules)
    assert (found.value, found.share) == (D(4000), 1.0)


def test_what_only_reduces_is_never_soft() -> None:
    rules = limits(0.01, *SOFT_CHECKS)
    entry = decided("3000", rules)
    assert soft_blocks(entry, rules)
    assert soft_blocks(replace(entry, reduce_only=True), rules) == ()


def test_a_stored_decision_has_the_same_soft_blocks() -> None:
    rules = limits(0.01, *SOFT_CHECKS)
    decision = decided("3000", rules)
    again = codec.from_json(Decision, codec.to_json(decision))
    stored = codec.from_json(RiskLimits, codec.to_json(rules))
    assert soft_blocks(again, stored) == soft_blocks(decision, rules) != ()


@given(low=st.floats(0.01, 1), high=st.floats(0.01, 1), notional=st.integers(100, 4000))
def test_a_stricter_level_never_finds_less(low: float, high: float, notional: int) -> None:
    first, last = sorted((low, high))
    decision = decided(str(notional), limits(None))
    strict = {each.check for each in soft_blocks(decision, limits(first, *SOFT_CHECKS))}
    loose = {each.check for each in soft_blocks(decision, limits(last, *SOFT_CHECKS))}
    assert loose <= strict


def test_every_check_that_may_be_soft_has_a_number_that_must_not_be_exceeded() -> None:
    above = {c.rule.name for c in CHECKS if c.rule.sense in (Sense.AT_MOST, Sense.BELOW)}
    assert above >= SOFT_CHECKS >= DEFAULT_SOFT_CHECKS


@pytest.mark.parametrize("check", sorted(SOFT_CHECKS))
def test_no_check_that_may_be_soft_applies_to_exits(check: str) -> None:
    (found,) = (each for each in CHECKS if each.rule.name == check)
    assert found.exit_breach is None
