"""The figures of a decision are those of the decision."""

from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import select

from bot.risk import codec
from bot.risk.decision import Decision
from bot.risk.explain import blamed
from bot.risk.manager.assessment import assess
from bot.risk.snapshot import TradeIntent
from console.views.block_rate import rate_facts
from console.views.key_metrics import key_metrics
from models.enums import Verdict
from models.tables import DecisionRow
from tests.support.desk import Desk

pytestmark = pytest.mark.services


LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


def a_mixed_day(desk: Desk) -> None:
    """Allowed, shrunk and denied, for one reason and for several, with inputs missing."""
    desk.approve("allowed")
    desk.approve("other", ml_predictions={"model_version": "m-2", "confidence": 0.95})
    desk.approve("shrunk", ml_predictions={"confidence": 0.62})
    desk.approve("weak", ml_predictions={"confidence": 0.1})
    desk.approve("bad", ml_predictions={"confidence": 0.1, "uncertainty": 0.9})
    desk.approve("silent", ml_predictions={"confidence": None, "model_version": None})
    desk.approve("tiny", signal_data={"position_size": "1"})
    desk.send_due()
    desk.stream()


def facts(desk: Desk) -> tuple[dict[str, Any], dict[str, Any]]:
    with desk.db.reading() as session:
        return rate_facts(session, LONG_AGO), key_metrics(session, LONG_AGO)


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
