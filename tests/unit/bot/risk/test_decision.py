"""The gate's answer: results and factors are told in numbers and sentences."""

import pytest

from bot.risk.decision import CheckResult, SizeFactor
from bot.risk.gate import evaluate
from bot.risk.rule import Rule, Sense
from models.enums import CheckStatus, TradeBlockReason, Verdict
from tests.unit.bot.risk import cases
from tests.unit.bot.risk.cases import D

SPREAD = Rule("spread", TradeBlockReason.DATA_STALE, "the spread", Sense.AT_MOST, "bps")


def test_a_result_has_its_rules_reason_unless_an_input_was_missing() -> None:
    result = CheckResult(SPREAD, CheckStatus.FAIL, D(12), D(10))
    assert result.reason is TradeBlockReason.DATA_STALE
    missing = result._replace(because=TradeBlockReason.DATA_MISSING)
    assert missing.reason is TradeBlockReason.DATA_MISSING
    assert (result.name, result.unit) == ("spread", "bps")
    assert (result.value, result.limit, result.margin) == ("12", "10", "-2")


def test_a_factor_says_what_it_was_measured_by() -> None:
    told = SizeFactor("confidence", D("0.5"), 0.7, 0.9).sentence
    assert told == "confidence 0.7 gives 0.5 (full size at 0.9)."
    assert "could not be measured" in SizeFactor("confidence", D(0)).sentence
    assert SizeFactor("confidence", D(1), recorded="as it was").sentence == "as it was"


def test_a_decision_names_its_checks_and_says_whether_anything_may_be_traded() -> None:
    allowed = evaluate(cases.intent(), cases.snapshot(), cases.LIMITS)
    assert allowed.approved
    assert allowed.check("spread").name == "spread"
    with pytest.raises(KeyError):
        allowed.check("no such check")
    denied = evaluate(cases.intent(), cases.snapshot(market=None), cases.LIMITS)
    assert (denied.verdict, denied.approved) == (Verdict.DENY, False)
