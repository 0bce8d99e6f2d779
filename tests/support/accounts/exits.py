"""A position, and exits of it without any prediction."""

from decimal import Decimal
from typing import Any

from tests.support.desk import Desk

NOTHING_KNOWN: dict[str, Any] = {
    "ml_predictions": {
        "confidence": None,
        "uncertainty": None,
        "ensemble_agreement": None,
        "prediction_stability": None,
        "feature_importance": {},
        "member_probabilities": [],
    }
}


def open_position(desk: Desk) -> Decimal:
    """A long position of some lots, bought at the fake's price."""
    assert desk.approve("entry")["verdict"] == "allow"
    desk.send_due()
    desk.stream()
    return desk.position()


def ask_exit(desk: Desk, request_id: str = "exit", **signal: Any) -> dict[str, Any]:
    wanted = {"position_size": "5000", "reduce_only": True, "algorithm": None, **signal}
    return desk.approve(
        request_id, side="sell", signal_data=wanted, priority="emergency", **NOTHING_KNOWN
    )
