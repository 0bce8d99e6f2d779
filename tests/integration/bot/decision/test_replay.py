"""A stored decision replays to the same bytes."""

from sqlalchemy import select

from bot.decision.decide import decide
from bot.risk import codec
from bot.risk.limits import RiskLimits
from bot.risk.snapshot import RiskSnapshot, TradeIntent
from models.tables import (
    DecisionRow,
)
from tests.support.desk import Desk


def test_a_stored_decision_replays_to_the_same_bytes(desk: Desk) -> None:
    desk.approve("r-1")
    desk.approve("r-2", ml_predictions={"confidence": 0.2})
    desk.approve("r-3", signal_data={"position_size": "1"})
    with desk.db.reading() as session:
        rows = session.scalars(select(DecisionRow)).all()
    assert len(rows) == 3
    for row in rows:
        decision = decide(
            codec.from_json(TradeIntent, row.intent),
            codec.from_json(RiskSnapshot, row.snapshot),
            codec.from_json(RiskLimits, row.limits),
        ).decision
        assert codec.canonical_bytes(codec.to_json(decision)) == codec.canonical_bytes(row.decision)
