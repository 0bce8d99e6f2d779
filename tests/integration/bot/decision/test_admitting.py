"""A request that a token brings: in its strategy's name, signed and within its quotas, as a
message."""

import json
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from bot.decision.admitting import MONEY, StrategyAdmission
from bot.decision.authentication import TASK
from bot.decision.quotas import Quotas
from bot.decision.signing import Signature, Signatures, key_of, mac_of
from bot.errors import BadMessage
from config.keys.quotas import QuotaRules
from models.tables import AuditRow, TradeRequestRow
from tests.support.desk import Desk

pytestmark = pytest.mark.services
MASTER = "a-master-of-messages"


def admission(desk: Desk, signatures: Signatures | None = None) -> StrategyAdmission:
    quotas = Quotas(desk.db, desk.account, desk.limits, desk.clock)
    return StrategyAdmission(desk.admission, quotas, signatures)


def refused(door: StrategyAdmission, text: str, header: object = None, name: str = "test") -> str:
    with pytest.raises(BadMessage) as refusal:
        door.accept(text, header, name)
    return refusal.value.code


def signed(desk: Desk, text: str, *, by: str = "test", request_id: str = "r-1") -> dict[str, Any]:
    expires = int((desk.clock.now() + timedelta(seconds=60)).timestamp())
    said = Signature(by, 1, request_id, "nonce", expires, "")
    mac = mac_of(key_of(MASTER, by), TASK, said, text)
    names = ("strategy", "generation", "request_id", "nonce", "expires")
    return {**{name: getattr(said, name) for name in names}, "mac": mac}


def test_a_request_has_a_row_before_its_answer_and_wakes_the_validation(desk: Desk) -> None:
    request = desk.request()
    del request["metadata"]
    key = admission(desk).accept(json.dumps(request), None, "test")
    with desk.db.reading() as session:
        row = session.get_one(TradeRequestRow, key)
        assert (row.strategy, row.payload["metadata"]) == ("test", {"strategy": "test"})
    assert desk.task_queue.requests == [key]
    # The same request as a message is the same request.
    desk.approval.validate_and_execute(desk.request())
    with desk.db.reading() as session:
        assert len(session.scalars(select(TradeRequestRow)).all()) == 1


def test_a_death_between_the_row_and_its_message_loses_and_doubles_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object) -> None:
        raise SystemExit

    door, text = admission(desk), json.dumps(desk.request())
    with monkeypatch.context() as patch, pytest.raises(SystemExit):
        patch.setattr(type(desk.task_queue), "request", die)
        door.accept(text, None, "test")
    assert desk.task_queue.requests == []
    desk.clock.move_to(desk.clock.now() + timedelta(minutes=1))
    desk.dispatcher.tick()
    assert desk.task_queue.requests == ["r-1"]
    assert door.accept(text, None, "test") == "r-1"
    with desk.db.reading() as session:
        assert len(session.scalars(select(TradeRequestRow)).all()) == 1


def test_another_name_is_refused_and_recorded_under_the_proven_one(desk: Desk) -> None:
    door = admission(desk)
    assert refused(door, json.dumps(desk.request()), name="rich") == "another_strategy"
    for named in ("flatten", "position-monitor"):
        own = json.dumps(desk.request(metadata={"strategy": named}))
        assert refused(door, own, name=named) == "bad_message"
    with desk.db.reading() as session:
        entry = session.scalars(select(AuditRow).filter_by(kind="another_strategy")).one()
        assert (entry.subject, entry.payload["sender"]) == ("r-1", "rich")
        assert session.scalars(select(TradeRequestRow)).all() == []


def test_where_messages_are_signed_the_token_is_not_enough(desk: Desk) -> None:
    door = admission(desk, Signatures(MASTER, desk.clock, {}))
    text = json.dumps(desk.request())
    assert refused(door, text) == "signature_missing"
    assert refused(door, text, "no object") == "signature_invalid"
    assert refused(door, text, signed(desk, text, by="rich")) == "signature_invalid"
    assert refused(door, text + " ", signed(desk, text)) == "signature_invalid"
    rich = json.dumps(desk.request(metadata={"strategy": "rich"}))
    assert refused(door, rich, signed(desk, rich, by="rich")) == "another_strategy"
    assert door.accept(text, signed(desk, text), "test") == "r-1"


def test_quotas_bound_what_is_new_and_nothing_that_is_known(desk: Desk) -> None:
    desk.limits.change(quotas=QuotaRules(requests_per_second=1))
    door = admission(desk)
    first = json.dumps(desk.request())
    assert door.accept(first, None, "test") == "r-1"
    assert refused(door, json.dumps(desk.request("r-2"))) == "quota_exceeded"
    assert door.accept(first, None, "test") == "r-1"
    desk.clock.move_to(desk.clock.now() + timedelta(seconds=2))
    assert door.accept(json.dumps(desk.request("r-2")), None, "test") == "r-2"


@pytest.mark.parametrize("number", [2000, 2000.5, True])
def test_money_is_text(desk: Desk, number: object) -> None:
    text = json.dumps(desk.request(signal_data={"position_size": number}))
    assert refused(admission(desk), text) == "bad_message"
    assert MONEY["signal_data"] == ("position_size", "limit_price", "stop_price", "display_size")
