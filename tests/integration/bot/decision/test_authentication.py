"""In front of the gate: what its strategy did not sign is refused, recorded and decides nothing."""

import json
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from bot.decision import signing
from bot.decision.authentication import MAX_TEXT_BYTES, OWN_NAMES, TASK, AuthenticatedDecisions
from bot.decision.signing import Signature, Signatures, key_of, mac_of
from models.repositories import refused
from models.tables import AuditRow, TradeRequestRow
from tests.support.desk import Desk

MASTER = "a-master-of-messages"


@pytest.fixture
def door(desk: Desk) -> AuthenticatedDecisions:
    return AuthenticatedDecisions(desk.approval, Signatures(MASTER, desk.clock, {}))


def signed(
    desk: Desk, request: dict[str, Any], *, by: str = "test", seconds: int = 60
) -> tuple[str, dict[str, Any]]:
    """The request as text, and its header."""
    text = json.dumps(request)
    expires = int((desk.clock.now() + timedelta(seconds=seconds)).timestamp())
    said = Signature(by, 1, str(request.get("request_id")), "nonce", expires, "")
    mac = mac_of(key_of(MASTER, by), TASK, said, text)
    names = ("strategy", "generation", "request_id", "nonce", "expires")
    return text, {**{name: getattr(said, name) for name in names}, "mac": mac}


def requests(desk: Desk) -> int:
    with desk.db.reading() as session:
        return len(session.scalars(select(TradeRequestRow)).all())


def test_a_signed_request_is_decided_once_however_often_it_comes(
    desk: Desk, door: AuthenticatedDecisions
) -> None:
    sent = signed(desk, desk.request())
    first = door.validate_and_execute(*sent)
    assert first["verdict"] == "allow"
    assert door.validate_and_execute(*sent, redelivered=True) == {**first, "repeated": True}
    assert requests(desk) == len(desk.children()) == 1


def test_what_no_key_of_its_strategy_signed_is_refused_by_name_and_recorded(
    desk: Desk, door: AuthenticatedDecisions
) -> None:
    request = desk.request()
    text, header = signed(desk, request)
    expired = signed(desk, request, seconds=-1)
    another = signed(desk, desk.request(metadata={"strategy": "rich"}))
    cases: list[tuple[object, object, str]] = [
        (request, None, "signature_missing"),
        (text, None, "signature_missing"),
        (text.replace("2000", "9000"), header, "signature_invalid"),
        (request, header, "signature_invalid"),
        (*expired, "signature_expired"),
        (*another, "signature_invalid"),
    ]
    for given, proof, code in cases:
        outcome = door.validate_and_execute(given, proof)
        assert outcome["error"]["type"] == code
        assert outcome["verdict"] == "deny"
    assert requests(desk) == 0
    with desk.db.reading() as session:
        entries = session.scalars(select(AuditRow).where(AuditRow.actor == "strategy")).all()
        assert {e.kind for e in entries} == {code for _, _, code in cases}
        assert refused.total(session, desk.clock.now()) == len(cases)
    # Who proves who he is is decided, whatever others tried under the same id.
    assert door.validate_and_execute(text, header)["verdict"] == "allow"


def test_refusals_are_bounded_whatever_was_sent(desk: Desk, door: AuthenticatedDecisions) -> None:
    header = {"request_id": "x" * 100_000, "strategy": [[[]]] * 1000, "mac": {"a": "\x00\ud800"}}
    for given, proof in [("x" * (MAX_TEXT_BYTES + 1), header), ("\ud800\x00" * 1000, header)]:
        outcome = door.validate_and_execute(given, proof)
        assert len(json.dumps(outcome)) < 2000
    with desk.db.reading() as session:
        for payload in session.scalars(select(AuditRow.payload)):
            assert len(json.dumps(payload)) < 5000


def test_without_keys_a_request_may_come_signed_or_as_text_all_the_same(desk: Desk) -> None:
    open_door = AuthenticatedDecisions(desk.approval)
    sent = signed(desk, desk.request("r-1"))
    assert open_door.validate_and_execute(*sent)["verdict"] == "allow"
    assert open_door.validate_and_execute(desk.request("r-2"))["request_id"] == "r-2"
    outcome = open_door.validate_and_execute('{"request_id": "r-3", "request_id": "r-4"}')
    assert outcome["error"]["fields"][0]["field"] == "request"
    assert "twice" in outcome["error"]["fields"][0]["message"]


def test_a_signed_text_that_is_no_request_is_refused_by_its_fields(
    desk: Desk, door: AuthenticatedDecisions
) -> None:
    for text, field in (("[]", "request"), ("{", "request"), ("null", "request")):
        expires = int(desk.clock.now().timestamp()) + 60
        said = Signature("test", 1, "r-1", "n", expires, "")
        mac = mac_of(key_of(MASTER, "test"), TASK, said, text)
        header = {"strategy": "test", "generation": 1, "request_id": "r-1", "nonce": "n"}
        outcome = door.validate_and_execute(text, {**header, "expires": expires, "mac": mac})
        assert [each["field"] for each in outcome["error"]["fields"]] == [field]
    assert signing.HEADER == "mlrisk_auth"


@pytest.mark.parametrize("name", sorted(OWN_NAMES))
def test_a_name_of_the_systems_own_is_refused_from_outside(desk: Desk, name: str) -> None:
    door = AuthenticatedDecisions(desk.approval)
    for request in (desk.request("r-1", metadata={"strategy": name}),):
        for sent in (request, json.dumps(request)):
            answer = door.validate_and_execute(sent)
            assert answer["verdict"] == "deny"
            assert "metadata.strategy" in str(answer)
    assert desk.children() == []
