"""Every answer of the interface is its own: problems, headers, and the document of it all."""

from typing import Any

import pytest

from console.web.guard import HEADERS
from tests.support.api import Program, problem
from tests.support.web import TestClient

pytestmark = pytest.mark.services


def test_what_is_not_there_is_a_problem_with_the_headers_of_every_answer(
    ops: Program, console: TestClient
) -> None:
    for answer, status, name in (
        (ops.get("/nowhere"), 404, "not-found"),
        (ops.get("/requests/none"), 404, "not-found"),
        # Found by schemathesis: a line break led to a page.
        (ops.get("/states/%0A"), 404, "not-found"),
        (console.get("/api/v2/status"), 404, "not-found"),
        (ops.get(f"/halts/{'0' * 16}"), 404, "not-found"),
        (ops.get("/halts/x"), 422, "bad-message"),
        (ops.post("/status", {}), 405, "no-such-method"),
        (console.delete("/api/v1/status"), 405, "no-such-method"),
        (console.get("/api/v1/status", headers={"host": "evil.example"}), 421, "wrong-host"),
    ):
        assert (answer.status_code, problem(answer)) == (status, name), answer.url
        assert {key: answer.headers[key] for key in HEADERS} == HEADERS
    assert ops.post("/status", {}).headers["allow"] == "GET"


def test_the_document_describes_every_operation(console: TestClient) -> None:
    said: dict[str, Any] = console.get("/api/v1/openapi.json").json()
    assert said["openapi"] == "3.1.0"
    assert said["servers"] == [{"url": "/api/v1"}]
    operations = {
        each["operationId"]: each for path in said["paths"].values() for each in path.values()
    }
    assert set(operations) == {
        *("submitRequest", "getRequest", "explainRequest"),
        *("getStatus", "getState", "haltTrading", "getHalt", "getLimits"),
    }
    for name, operation in operations.items():
        answers = operation["responses"]
        assert {"400", "401", "403", "409", "421", "429", "500", "503"} <= set(answers), name
        problems = [said for status, said in answers.items() if int(status) >= 400]
        assert all(set(each["content"]) == {"application/problem+json"} for each in problems)
    linked = operations["submitRequest"]["responses"]["202"]["links"]
    assert {each["operationId"] for each in linked.values()} == {"getRequest", "explainRequest"}
    money = said["components"]["schemas"]["SignalData"]["properties"]["position_size"]
    assert money["type"] == "string"
