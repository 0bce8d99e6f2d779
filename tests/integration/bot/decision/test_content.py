"""A request_id names one content; what differs is told."""

from typing import Any

from sqlalchemy import text

from models.tables import AuditRow, TradeRequestRow
from tests.support.desk import Desk


def _first(desk: Desk) -> tuple[dict[str, Any], dict[str, Any]]:
    raw = desk.request("r-1", metadata={"strategy": "test", "n": 1.5, "big": 1e23})
    return raw, desk.approval.validate_and_execute(raw)


def test_the_same_content_in_other_words_gets_the_first_answer(desk: Desk) -> None:
    raw, first = _first(desk)
    again = dict(reversed(raw.items()))
    again["signal_data"] = {"algorithm": "immediate", "position_size": 2000.0, "reduce_only": False}
    again["ml_predictions"] = {
        **raw["ml_predictions"],
        "feature_importance": {"b": 0.40, "a": "0.6"},
        "predicted_at": "2026-11-23T14:00:00+02:00",
    }
    again["created_at"] = "2026-11-23T13:00:00.000+01:00"
    again["priority"] = "normal"
    again["metadata"] = {"n": 1.50, "big": 1.0e23, "strategy": "test"}
    assert desk.approval.validate_and_execute(again) == {**first, "repeated": True}
    assert desk.admission.accept(again) == "r-1"


def test_a_row_of_an_older_version_is_the_same_content(desk: Desk) -> None:
    """It was hashed without the fields that have come since."""
    raw, first = _first(desk)
    with desk.db.transaction() as session:
        row = session.get_one(TradeRequestRow, "r-1")
        row.payload = {
            key: value
            for key, value in row.payload.items()
            if key not in ("priority", "expires_at", "market_data")
        }
        row.payload_sha256 = "of-an-older-version"
    assert desk.approval.validate_and_execute(raw) == {**first, "repeated": True}


def test_the_refusal_says_what_was_asked_for(desk: Desk) -> None:
    raw, _ = _first(desk)
    desk.approval.validate_and_execute({**raw, "side": "sell"})
    with desk.db.reading() as session:
        entry = session.scalars(
            text("SELECT payload FROM audit_entry WHERE kind = 'request_id_taken'")
        ).one()
        assert session.get(AuditRow, ("global", 1)) is not None
    assert entry["errors"] == [{"field": "side", "message": "was first buy, is now sell"}]
