"""Requests by HTTP: stored once, decided by the gate alone, seen by their strategy alone."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import func, select

from models.tables import AuditRow, TradeRequestRow
from tests.support.api import Program, new_token, order, problem, wrong_fields
from tests.support.scene import Scene

pytestmark = pytest.mark.services


def rows(scene: Scene) -> int:
    with scene.db.reading() as session:
        return session.scalar(select(func.count()).select_from(TradeRequestRow)) or 0


def test_a_request_is_stored_decided_and_explained_by_its_links(
    momentum: Program, ops: Program, scene: Scene
) -> None:
    stored = momentum.post("/requests", order(), idempotency_key="api-1")
    assert stored.status_code == 202, stored.text
    receipt = stored.json()
    assert (receipt["strategy"], receipt["key"]) == ("momentum", "api-1")
    place = stored.headers["location"].removeprefix("/api/v1")
    waits = momentum.get(place)
    assert waits.json()["verdict"] is None
    assert momentum.get(f"{place}/explanation").json()["decision"] is None
    # Nothing but the validation worker's service decides.
    assert scene.approval.validate_stored("api-1") is not None
    decided = momentum.get(place)
    assert decided.json()["verdict"] in ("allow", "shrink", "deny")
    assert decided.headers["etag"] != waits.headers["etag"]
    same = momentum.get(place, if_none_match=decided.headers["etag"])
    assert (same.status_code, same.text) == (304, "")
    why = momentum.get(f"{place}/explanation").json()
    assert why["decision"]["verdict"] == decided.json()["verdict"]
    assert why["decision"]["requested_notional"] == "2000.5"
    assert len(why["decision"]["checks"]) > 20
    assert ops.get("/requests/api-1").json() == decided.json()


def test_the_same_request_gets_the_same_answer_and_is_there_once(
    momentum: Program, scene: Scene
) -> None:
    sent = order()
    first = momentum.post("/requests", sent)
    scene.approval.validate_stored("api-1")
    again = momentum.post("/requests", sent, idempotency_key='"api-1"')
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert again.headers["etag"] == first.headers["etag"]
    other = momentum.post("/requests", order(signal_data={"position_size": "7000"}))
    assert (other.status_code, problem(other)) == (409, "request-id-taken")
    assert "#/signal_data/position_size" in wrong_fields(other)
    assert rows(scene) == 1


def test_many_at_once_are_one_row_and_one_content(momentum: Program, scene: Scene) -> None:
    sent = [order(), order(signal_data={"position_size": "7000"})]
    sent[1]["created_at"] = sent[0]["created_at"]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: momentum.post("/requests", sent[n % 2]), range(8)))
    by = {answer.status_code for answer in answers}
    assert by == {202, 409}, [answer.text for answer in answers]
    assert len({answer.content for answer in answers if answer.status_code == 202}) == 1
    assert rows(scene) == 1


def test_an_idempotency_key_is_the_request_id(momentum: Program, scene: Scene) -> None:
    refused = momentum.post("/requests", order(), idempotency_key="another")
    assert (refused.status_code, problem(refused)) == (422, "bad-idempotency-key")
    assert refused.json()["errors"][0]["field"] == "Idempotency-Key"
    assert rows(scene) == 0


WRONG_FIELDS: tuple[tuple[dict[str, object], str], ...] = (
    ({"surprise": 1}, "#/surprise"),
    ({"signal_data": {"position_size": 2000}}, "#/signal_data/position_size"),
    ({"signal_data": {"position_size": "2e3"}}, "#/signal_data/position_size"),
    ({"signal_data": {"position_size": "NaN"}}, "#/signal_data/position_size"),
    ({"signal_data": {"limit_price": 1e5}}, "#/signal_data/limit_price"),
    ({"ml_predictions": {"confidence": float("nan")}}, "#/ml_predictions/confidence"),
    ({"created_at": "2026-11-30T12:00:00"}, "#/created_at"),
    ({"metadata": "mine"}, "#/metadata"),
    ({"side": "up"}, "#/side"),
)


def test_a_wrong_field_is_refused_by_its_name(momentum: Program, scene: Scene) -> None:
    for change, pointer in WRONG_FIELDS:
        refused = momentum.post("/requests", order(**change))
        assert (refused.status_code, problem(refused)) == (422, "bad-message"), change
        assert wrong_fields(refused) == [pointer], change
    for text in ("", "{", "[]", '{"a": 1, "a": 2}', "\x00", "1" * 10, "nan"):
        refused = momentum.post("/requests", text)
        assert (refused.status_code, problem(refused)) == (422, "bad-message"), text
        assert wrong_fields(refused) == ["#"], text
    assert rows(scene) == 0


def test_another_strategys_request_is_neither_seen_nor_made(
    momentum: Program, scene: Scene
) -> None:
    other = Program(momentum.client, new_token(scene.db, "strategy", "carry").token)
    assert momentum.post("/requests", order()).status_code == 202
    for path in ("/requests/api-1", "/requests/api-1/explanation", "/requests/api-1~momentum"):
        refused = other.get(path)
        assert (refused.status_code, problem(refused)) == (404, "not-found")
    named = order("api-2", metadata={"strategy": "momentum"})
    refused = other.post("/requests", named)
    assert (refused.status_code, problem(refused)) == (403, "another-strategy")
    assert wrong_fields(refused) == ["#/metadata/strategy"]
    # The same id of another strategy is another request.
    assert other.post("/requests", order()).json()["key"] == "api-1~carry"
    assert other.get("/requests/api-1").json()["strategy"] == "carry"
    assert momentum.get("/requests/api-1").json()["strategy"] == "momentum"
    with scene.db.reading() as session:
        kinds = select(AuditRow.kind, AuditRow.payload).where(AuditRow.kind == "another_strategy")
        assert [said["sender"] for _, said in session.execute(kinds)] == ["carry"]


def test_a_name_of_the_systems_own_is_refused(momentum: Program, scene: Scene) -> None:
    own = Program(momentum.client, new_token(scene.db, "strategy", "flatten").token)
    refused = own.post("/requests", json.dumps(order(metadata={"strategy": "flatten"})))
    assert (refused.status_code, wrong_fields(refused)) == (422, ["#/metadata/strategy"])
    assert own.post("/requests", order()).status_code == 422
    assert rows(scene) == 0
