"""Responses to a strategy: plain JSON that names what was wrong."""

from typing import Any

from bot.decision import responses
from bot.errors import BadMessage, FieldError, RequestIdTaken
from models.enums import ChildState, ExecutionStatus, ParentState, Verdict
from models.tables import ChildOrderRow, DecisionRow, ParentOrderRow, TradeRequestRow
from tests.unit.bot.risk.cases import NOW, D

FIELD = FieldError("side", "must be buy or sell")


def request(**payload: Any) -> TradeRequestRow:
    return TradeRequestRow(
        request_id="demo/r-1", status=ExecutionStatus.PENDING_VALIDATION, payload=payload
    )


def test_a_bad_message_is_denied_with_every_broken_field() -> None:
    told = responses.bad_message("r-1", BadMessage((FIELD,)))
    assert (told["verdict"], told["status"]) == ("deny", "validation_failed")
    assert told["error"]["fields"] == [{"field": "side", "message": "must be buy or sell"}]
    assert told["reasons"] == []


def test_a_taken_request_id_has_a_reason_of_its_own() -> None:
    assert responses.bad_message("r-1", RequestIdTaken((FIELD,)))["reasons"] == ["request_id_taken"]


def test_a_request_is_answered_under_the_id_that_its_strategy_gave() -> None:
    assert responses.asked_as(request(request_id="r-1")) == "r-1"
    assert responses.asked_as(request()) == "demo/r-1"


def test_an_undecided_request_is_denied_and_says_why() -> None:
    row = request()
    assert responses.undecided(row)["message"] == "not validated yet"
    row.failure = "ValueError: odd"
    told = responses.undecided(row)
    assert (told["verdict"], told["message"]) == ("deny", "ValueError: odd")


def test_a_decision_in_short_names_the_checks_that_were_broken_or_unknown() -> None:
    checks = [
        {"name": "spread", "status": "pass", "sentence": "fine"},
        {"name": "depth", "status": "fail", "value": "1", "limit": "2", "sentence": "thin"},
        {"name": "funding", "status": "unknown", "sentence": "missing"},
        {"name": "claims", "status": "pass", "sentence": "it claims another price"},
    ]
    decision = {
        "checks": checks,
        "approved_qty": "0",
        "approved_notional": "0",
        "reference_price": "1",
        "reasons": ["data_missing"],
    }
    row = DecisionRow(verdict=Verdict.DENY, decision=decision, snapshot={})
    told = responses.of_decision(request(), row, repeated=True)
    assert [check["name"] for check in told["checks_failed"]] == ["depth", "funding"]
    assert told["notes"] == ["it claims another price"]
    assert told["repeated"] is True


def test_a_parent_is_told_with_its_average_price_and_its_children() -> None:
    assert responses.of_parent(None, []) == {"parent": None, "children": []}
    parent = ParentOrderRow(
        algorithm="twap",
        state=ParentState.WORKING,
        approved_qty=D("0.50"),
        filled_qty=D("0.20"),
        filled_notional=D("6000"),
        deadline_at=NOW,
    )
    child = ChildOrderRow(
        slot=2,
        attempt=1,
        order_link_id="a-1",
        state=ChildState.PLANNED,
        qty=D("0.30"),
        filled_qty=D(0),
        due_at=NOW,
    )
    told = responses.of_parent(parent, [child])
    assert told["parent"]["average_price"] == "30000"
    assert (told["parent"]["approved_qty"], told["parent"]["working_algorithm"]) == ("0.5", "twap")
    assert (told["children"][0]["qty"], told["children"][0]["slot"]) == ("0.3", 2)
    parent.filled_qty = D(0)
    assert responses.of_parent(parent, [])["parent"]["average_price"] is None
