"""The figures of a decision are those of the decision."""

from collections import Counter

import pytest
from sqlalchemy import select

from bot.risk import codec
from bot.risk.decision import Decision
from bot.risk.explain import blamed
from bot.risk.manager.assessment import assess
from bot.risk.snapshot import TradeIntent
from models.enums import Verdict
from models.tables import DecisionRow
from tests.support.accounts.mixed_day import a_mixed_day, facts
from tests.support.desk import Desk

pytestmark = pytest.mark.services


def counted(names: list[str]) -> dict[str, int]:
    return dict(Counter(names))


def test_the_figures_are_those_of_every_single_decision(desk: Desk) -> None:
    a_mixed_day(desk)
    with desk.db.reading() as session:
        stored = session.scalars(select(DecisionRow)).all()
    decided = [
        (codec.from_json(TradeIntent, row.intent), codec.from_json(Decision, row.decision))
        for row in stored
    ]
    denied = [decision for _, decision in decided if decision.verdict is Verdict.DENY]
    no = [[result.name for result in blamed(decision)] for decision in denied]
    blocks, metrics = facts(desk)
    assert {decision.verdict for _, decision in decided} == set(Verdict)
    assert (blocks["requests"], blocks["blocked"]) == (len(decided), len(denied))
    assert blocks["shrunk"] == sum(d.verdict is Verdict.SHRINK for _, d in decided)
    reasons = counted([reason.value for decision in denied for reason in decision.reasons])
    assert blocks["blocked_by_reason"] == reasons
    assert blocks["blocked_by_check"] == counted([name for names in no for name in names])
    assert blocks["blocked_by_one_check_alone"] == counted([n[0] for n in no if len(n) == 1])
    validation = metrics["trade_validation"]
    levels = [assess(intent, decision).overall_ml_risk.value for intent, decision in decided]
    assert validation["risk_levels"] == counted(levels)
    scores = [i.model.confidence for i, _ in decided if i.model.confidence is not None]
    assert validation["average_confidence"] == round(sum(scores) / len(scores), 4)
    assert validation["block_rate_by_reason"].keys() == reasons.keys()
    assert metrics["risk_system"]["models"].keys() == {"m-1", "m-2"}
