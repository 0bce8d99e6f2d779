"""The short record tells decisions apart, and equal ones alike."""

import json
from dataclasses import replace
from typing import Any

import pytest

from bot.risk.codec import canonical_bytes, from_json, to_json
from bot.risk.gate import evaluate
from bot.risk.record import digest, record
from bot.risk.snapshot import RiskSnapshot, TradeIntent
from tests.unit.bot.risk import cases
from tests.unit.bot.risk.cases import D


def decide(intent: Any = None, snapshot: Any = None) -> Any:
    return evaluate(intent or cases.intent(), snapshot or cases.snapshot(), cases.LIMITS)


def test_a_replayed_decision_has_the_same_record() -> None:
    intent = cases.intent(notional=D("3E+3"))
    snapshot = cases.snapshot(portfolio=cases.portfolio(equity=D("1E+5")))
    again = decide(
        from_json(TradeIntent, json.loads(canonical_bytes(to_json(intent)))),
        from_json(RiskSnapshot, json.loads(canonical_bytes(to_json(snapshot)))),
    )
    assert record(again) == record(decide(intent, snapshot))


@pytest.mark.parametrize(
    "other",
    [
        decide(cases.intent(notional=D("2999"))),
        decide(cases.intent(request_id="r-2")),
        decide(cases.intent(model=cases.model(confidence=0.91))),
        decide(cases.intent(model=cases.model(confidence=0.5))),
        decide(snapshot=cases.snapshot(recovery_share=0.5)),
        decide(snapshot=cases.snapshot(portfolio=None)),
        replace(decide(), reduce_only=True),
    ],
)
def test_another_decision_has_another_hash(other: Any) -> None:
    assert digest(other) != digest(decide())
    assert len(digest(other)) == 64


def test_every_check_and_factor_stands_in_the_record() -> None:
    decision = decide()
    names = {line.split("\t")[0] for line in record(decision).splitlines()}
    assert {check.name for check in decision.checks} <= names
    assert {factor.name for factor in decision.factors} <= names
