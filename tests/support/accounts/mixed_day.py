"""Decisions of every kind, and the figures about them."""

from datetime import UTC, datetime
from typing import Any

from console.views.block_rate import rate_facts
from console.views.key_metrics import key_metrics
from tests.support.desk import Desk

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
