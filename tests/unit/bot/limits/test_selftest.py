"""Limits are proven whole: exits are planned in every form, within what bounds them."""

from dataclasses import replace

import pytest

from bot.decision.decide import Approved, Denied, Outcome, decide
from bot.limits.selftest import FORMS, prove
from bot.risk.limits import RiskLimits, limits_from_config
from bot.risk.snapshot import RiskSnapshot, TradeIntent
from config.thresholds import MLRiskConfigManager
from models.enums import Algorithm, TradeSide, Verdict
from tests.unit.bot.risk.cases import D

LIMITS = RiskLimits()


@pytest.mark.parametrize("environment", ["production", "staging", "development"])
@pytest.mark.parametrize("mode", ["conservative", "aggressive", "paper_trading"])
def test_every_environment_and_mode_is_proven(environment: str, mode: str) -> None:
    config = MLRiskConfigManager(environment=environment, trading_mode=mode).get_config()
    assert prove(limits_from_config(config)) == ()


def changed(outcome: Outcome, **changes: object) -> Outcome:
    assert isinstance(outcome, Approved)
    return replace(outcome, plan=replace(outcome.plan, **changes))  # type: ignore[arg-type]


def test_a_bound_on_slices_that_exits_do_not_keep_is_found_out() -> None:
    def loose(intent: TradeIntent, snapshot: RiskSnapshot, limits: RiskLimits) -> Outcome:
        return decide(intent, snapshot, replace(limits, max_slices=2 * limits.max_slices))

    assert prove(LIMITS, loose) == ("an exit in too many slices is planned past its bound",)


def test_an_exit_that_reaches_past_its_price_bound_is_found_out() -> None:
    def far(intent: TradeIntent, snapshot: RiskSnapshot, limits: RiskLimits) -> Outcome:
        return changed(decide(intent, snapshot, limits), price_limit=D("0.0001"))

    assert len(prove(LIMITS, far)) == len(FORMS)


def test_an_exit_of_which_a_part_is_planned_is_found_out() -> None:
    def part(intent: TradeIntent, snapshot: RiskSnapshot, limits: RiskLimits) -> Outcome:
        outcome = decide(intent, snapshot, limits)
        assert outcome.plan is not None
        schedule = outcome.plan.schedule
        return changed(outcome, schedule=replace(schedule, slices=schedule.slices[:-1]))

    assert len(prove(LIMITS, part)) == len(FORMS)


def test_an_exit_that_is_refused_for_its_form_is_found_out() -> None:
    def strict(intent: TradeIntent, snapshot: RiskSnapshot, limits: RiskLimits) -> Outcome:
        outcome = decide(intent, snapshot, limits)
        if intent.side is TradeSide.SELL and intent.algorithm is Algorithm.TWAP:
            return Denied(replace(outcome.decision, approved_qty=D(0), verdict=Verdict.DENY))
        return outcome

    assert prove(LIMITS, strict) == (
        "an exit in too many slices is not planned",
        "an exit whose schedule ends after its expiry is not planned",
    )
