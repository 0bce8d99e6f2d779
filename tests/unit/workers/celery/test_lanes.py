"""Whose an item on the door's queue is."""

import base64
import json
from typing import Any

import pytest

from bot.clock import FixedClock, SystemClock
from bot.decision.signing import HEADER, Signatures, key_line
from config.celery import OUR_LANE
from examples.signing import signed
from tests.support.fakes import T0
from tests.unit.workers.celery.test_items import BAD, good
from workers.celery.items import MAX_ITEM_BYTES
from workers.celery.lanes import NOBODYS_LANE, Place, claimed_place_of, is_lane, place_of

MASTER = "a master secret"


def item(request: object, *, named: bool = False, plain: bool = False, **headers: Any) -> bytes:
    body = json.dumps([[], {"request": request}, {}] if named else [[request], {}, {}])
    found = good(**headers)
    if plain:
        del found["properties"]["body_encoding"]
    found["body"] = body if plain else base64.b64encode(body.encode()).decode()
    return json.dumps(found).encode()


def request(strategy: str = "a", *, exits: object = False) -> dict[str, Any]:
    return {
        "request_id": "r-1",
        "signal_data": {"reduce_only": exits},
        "metadata": {"strategy": strategy},
    }


def proven(strategy: str, *, signer: str, exits: bool = False, **headers: Any) -> bytes:
    asked = request(strategy, exits=exits)
    sent = signed(asked | {"metadata": {"strategy": signer}}, key_line(MASTER, signer))
    header = sent["headers"][HEADER] | {"strategy": strategy}
    return item(sent["args"][0], **headers, **{HEADER: header})


@pytest.mark.parametrize(
    "sent",
    [
        item(request()),
        item(request(), named=True),
        item(request(), plain=True),
        item(json.dumps(request())),
    ],
)
def test_each_way_to_send_a_request_leads_into_its_strategys_lane(sent: bytes) -> None:
    assert place_of(sent, None) == Place("validation.of.a")


def test_exits_have_a_lane_of_their_own_and_what_was_taken_before_goes_first() -> None:
    assert place_of(item(request(exits=True)), None) == Place("validation.exits.a")
    again = item(request(), redelivered=True)
    assert place_of(again, None) == Place("validation.of.a", first=True)


def test_any_name_makes_a_lane_and_no_two_the_same() -> None:
    names = ["", "a", "A", "of.a", "lanes", "\ud800", "é", "x" * 65, "x" * 66, "a b", "~"]
    lanes = {place_of(item(request(name)), None).lane for name in names}
    assert len(lanes) == len(names)
    assert all(is_lane(lane) and lane.isascii() and len(lane) < 90 for lane in lanes)


def test_our_own_tasks_wait_for_no_strategy() -> None:
    for task in (
        "tasks.validation.validate_stored",
        "tasks.validation.set_aside",
        "tasks.monitoring.canary",
    ):
        assert place_of(item("r-1", task=task), None).lane == OUR_LANE


@pytest.mark.parametrize("name", list(BAD))
def test_what_is_no_message_is_somebodys_or_nobodys_and_no_error(name: str) -> None:
    raw = BAD[name] if isinstance(BAD[name], bytes) else json.dumps(BAD[name]).encode()
    assert is_lane(place_of(raw, None).lane)
    assert is_lane(place_of(raw, Signatures(MASTER, FixedClock(T0), {})).lane)


@pytest.mark.parametrize(
    "sent",
    [
        b"garbage",
        b"\xff",
        b"[" * 200_000,
        b"x" * (MAX_ITEM_BYTES + 1),
        item(["no request"]),
        item(request() | {"metadata": 1}),
        item(request() | {"metadata": {"strategy": ["a"]}}),
        item(request(), task="tasks.emergency.halt"),
    ],
)
def test_what_names_no_strategy_is_nobodys(sent: bytes) -> None:
    assert place_of(sent, None).lane == NOBODYS_LANE


def test_with_keys_a_message_waits_where_its_signature_says_and_not_its_name() -> None:
    """Else a strategy could fill another's lane."""
    signatures = Signatures(MASTER, SystemClock(), {})
    assert place_of(proven("a", signer="a"), signatures).lane == "validation.of.a"
    assert place_of(proven("a", signer="a", exits=True), signatures).lane == "validation.exits.a"
    assert place_of(proven("b", signer="a"), signatures).lane == NOBODYS_LANE
    assert place_of(item(request("b")), signatures).lane == NOBODYS_LANE


@pytest.mark.parametrize("exits", [False, True])
def test_a_true_claim_is_the_place_that_its_proof_gives(*, exits: bool) -> None:
    sent = proven("a", signer="a", exits=exits)
    assert claimed_place_of(sent) == place_of(sent, Signatures(MASTER, SystemClock(), {}))


@pytest.mark.parametrize("name", list(BAD))
def test_what_is_no_message_claims_some_place_and_is_no_error(name: str) -> None:
    raw = BAD[name] if isinstance(BAD[name], bytes) else json.dumps(BAD[name]).encode()
    assert is_lane(claimed_place_of(raw).lane)
