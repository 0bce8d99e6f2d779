"""Answers hold amounts as text of plain digits and times in UTC, whatever the facts hold."""

from datetime import UTC, datetime
from decimal import Decimal

from bot.risk.explain import explain
from bot.risk.gate import evaluate
from bot.risk.limits import RiskLimits
from bot.risk.selftest.baseline import healthy
from console.api.answers import DecisionFacts, made, plain
from console.views.explanation import decision_facts
from models.enums import Verdict

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)


def test_amounts_are_plain_text_and_times_end_with_z() -> None:
    facts = {"a": Decimal("1E+3"), "b": [Decimal("0.100")], "c": NOW, "d": Verdict.DENY, "e": 0.5}
    assert plain(facts) == {
        "a": "1000",
        "b": ["0.1"],
        "c": "2026-11-30T12:00:00.000Z",
        "d": "deny",
        "e": 0.5,
    }


def test_a_decision_is_told_whole() -> None:
    case = healthy(RiskLimits())
    decision = evaluate(case.intent, case.snapshot, RiskLimits())
    facts = decision_facts(decision, RiskLimits())
    told = made(DecisionFacts, facts).model_dump()
    assert set(told) == set(facts)
    assert set(told["checks"][0]) == set(facts["checks"][0])
    assert set(told["factors"][0]) == set(facts["factors"][0])
    assert told["sentence"] == explain(decision).sentence
