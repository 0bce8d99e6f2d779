"""schemathesis: whatever the document allows or forbids is answered as the document says."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
import schemathesis
import uvicorn
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import BaseSchema, Case, GenerationMode, Response
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from bot.safety.halting.latching import Latched
from console.api.openapi import PREFIX
from console.runtime.halts.halt_steps import HaltOutcome, HaltSteps
from tests.support.api import Program, bearers_of
from tests.support.properties import examples
from tests.support.waiting import eventually
from tests.support.web import TestClient
from workers.supervision.ports import free_port

pytestmark = pytest.mark.services
STRATEGYS = frozenset({"submitRequest", "getRequest", "explainRequest"})
BEYOND_THE_SCHEMA = [positive_data_acceptance, negative_data_rejection]
"""What is refused also follows from rules between fields, and scores may be written as text."""


@pytest.fixture
def quick_halts(monkeypatch: pytest.MonkeyPatch, console: TestClient) -> None:
    """Each halt is set. Its later steps, which have tests of their own, are not followed, and
    nobody is told to come slower."""

    def carry_out(steps: HaltSteps, latched: Latched, **_: object) -> HaltOutcome:
        raise RuntimeError("not followed here")

    monkeypatch.setattr(HaltSteps, "carry_out", carry_out)
    bearers_of(console)._calls.clear()


@contextmanager
def served(client: TestClient) -> Iterator[str]:
    """The application behind a real server; the interface's address."""
    port = free_port()
    config = uvicorn.Config(
        client.app, port=port, lifespan="off", log_config=None, ws="none", access_log=False
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        eventually(lambda: server.started, "the server")
        yield f"http://127.0.0.1:{port}{PREFIX}"
    finally:
        server.should_exit = True
        thread.join()


def document_of(client: TestClient) -> BaseSchema:
    found: BaseSchema = schemathesis.openapi.from_dict(client.get(f"{PREFIX}/openapi.json").json())
    return found


def proof(case: Case, tokens: Mapping[bool, str | None]) -> dict[str, Any]:
    """The token that may do what the case asks for."""
    is_strategys = case.operation.definition.raw["operationId"] in STRATEGYS
    return {"Authorization": f"Bearer {tokens[is_strategys]}"}


def fuzz(client: TestClient, momentum: Program, ops: Program) -> int:
    """Every operation with what its schema allows and with what it forbids; the number of
    calls."""
    tokens, calls = {True: momentum.token, False: ops.token}, 0
    with served(client) as address:
        for found in document_of(client).get_all_operations():
            operation = found.ok()
            for mode in GenerationMode:

                @settings(max_examples=examples(20))
                @given(case=operation.as_strategy(generation_mode=mode))
                def call(case: Case) -> None:
                    nonlocal calls
                    calls += 1
                    case.call_and_validate(
                        base_url=address,
                        headers=proof(case, tokens),
                        excluded_checks=BEYOND_THE_SCHEMA,
                    )

                call()
    return calls


def follow_links(client: TestClient, momentum: Program, ops: Program) -> int:
    """Sequences of calls that take their parameters out of earlier answers; the number of answers
    that came by a link."""
    tokens, linked = {True: momentum.token, False: ops.token}, 0
    with served(client) as address:

        class Sequences(document_of(client).as_state_machine()):  # type: ignore[misc]
            def get_call_kwargs(self, case: Case) -> dict[str, Any]:
                return {"base_url": address, "headers": proof(case, tokens)}

            def validate_response(self, response: Response, case: Case, **given: Any) -> None:
                nonlocal linked
                linked += case.operation.method == "get" and response.status_code == 200
                case.validate_response(
                    response, excluded_checks=BEYOND_THE_SCHEMA, transport_kwargs=given
                )

        Sequences.run(
            settings=settings(
                max_examples=15,
                stateful_step_count=6,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
        )
    return linked


@pytest.mark.usefixtures("quick_halts")
def test_each_operation_answers_as_its_document_says(
    console: TestClient, momentum: Program, ops: Program
) -> None:
    assert fuzz(console, momentum, ops) > 16


@pytest.mark.long
@pytest.mark.usefixtures("quick_halts")
def test_operations_that_follow_by_their_links_answer_as_documented(
    console: TestClient, momentum: Program, ops: Program
) -> None:
    assert follow_links(console, momentum, ops) > 0
