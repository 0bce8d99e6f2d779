"""A strategy's request_id names one content: the same again gets the first answer, another is
refused. Another strategy's use of the id is neither seen nor in the way."""

from typing import Any

import pytest

from bot.errors import RequestIdTaken
from tests.support.desk import Desk


def _first(desk: Desk) -> tuple[dict[str, Any], dict[str, Any]]:
    raw = desk.request("r-1", metadata={"strategy": "test", "n": 1.5, "big": 1e23})
    return raw, desk.approval.validate_and_execute(raw)


OTHERS: list[tuple[dict[str, Any], str]] = [
    ({"signal_data": {"position_size": "50000"}}, "signal_data.position_size"),
    ({"side": "sell"}, "side"),
    ({"symbol": "ETHUSDT"}, "symbol"),
    ({"metadata": {"n": True}}, "metadata.n"),
    ({"metadata": {"more": 1}}, "metadata.more"),
    ({"ml_predictions": {"confidence": 0.91}}, "ml_predictions.confidence"),
    ({"created_at": "2026-11-23T12:00:01Z"}, "created_at"),
    ({"expires_at": "2027-11-23T12:00:01Z"}, "expires_at"),
]


@pytest.mark.parametrize(("change", "field"), OTHERS, ids=[field for _, field in OTHERS])
def test_another_content_is_refused_by_what_differs_and_changes_nothing(
    desk: Desk, change: dict[str, Any], field: str
) -> None:
    raw, first = _first(desk)
    other = {
        key: {**raw[key], **change[key]}
        if isinstance(change.get(key), dict)
        else change.get(key, raw.get(key))
        for key in raw.keys() | change.keys()
    }
    outcome = desk.approval.validate_and_execute(other)
    assert outcome["error"]["type"] == "request_id_taken"
    assert [each["field"] for each in outcome["error"]["fields"]] == [field]
    assert outcome["verdict"] == "deny"
    assert outcome["reasons"] == ["request_id_taken"]
    assert "approved_qty" not in outcome
    assert "request_id_taken" in desk.audit_kinds()
    with pytest.raises(RequestIdTaken, match=field):
        desk.admission.accept(other)
    assert desk.approval.validate_and_execute(raw) == {**first, "repeated": True}
    assert len(desk.children()) == 1


def test_who_gives_no_time_may_send_again(desk: Desk) -> None:
    raw = desk.request("r-1")
    del raw["created_at"]
    first = desk.approval.validate_and_execute(raw)
    desk.pass_time(1)
    assert desk.approval.validate_and_execute(raw) == {**first, "repeated": True}


def _of(desk: Desk, strategy: str, **changes: Any) -> dict[str, Any]:
    return desk.request("r-1", metadata={"strategy": strategy}, **changes)


def test_a_squatted_id_does_not_deny_an_emergency_exit(desk: Desk) -> None:
    desk.approval.validate_and_execute(_of(desk, "owner"))
    desk.send_due()
    desk.stream()
    held = desk.position()
    squatted = desk.request("exit-1", metadata={"strategy": "thief"}, side="sell")
    desk.approval.validate_and_execute(squatted | {"signal_data": {"position_size": "1"}})
    exit_ = desk.request(
        "exit-1",
        side="sell",
        signal_data={"position_size": "3000", "reduce_only": True},
        priority="emergency",
        metadata={"strategy": "owner"},
    )
    outcome = desk.approval.validate_and_execute(exit_)
    assert outcome["verdict"] in ("allow", "shrink")
    assert outcome["request_id"] == "exit-1"
    desk.send_due()
    desk.stream()
    assert held > 0
    assert desk.position() == 0


def test_a_row_that_was_written_first_is_decided_under_its_own_key(desk: Desk) -> None:
    desk.admission.accept(_of(desk, "alpha"))
    key = desk.admission.accept(_of(desk, "beta", side="sell"))
    assert key == desk.admission.accept(_of(desk, "beta", side="sell")) == "r-1~beta"
    assert desk.task_queue.requests == ["r-1", key, key]
    for each in ("r-1", key):
        outcome = desk.approval.validate_stored(each)
        assert outcome is not None
        assert outcome["request_id"] == "r-1"
    assert desk.parent(key).side == "sell"
    assert desk.parent("r-1").side == "buy"
