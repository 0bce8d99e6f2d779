"""The OpenAPI document: each reference leads somewhere, and money is text."""

from collections.abc import Iterator
from typing import Any

from console.api.app import ROUTERS
from console.api.openapi import document
from models.messages import MLTradeRequest

DOCUMENT = document([route for router in ROUTERS for route in router.routes])
SCHEMAS: dict[str, Any] = DOCUMENT["components"]["schemas"]


def references(at: Any) -> Iterator[str]:
    if isinstance(at, dict):
        if isinstance(at.get("$ref"), str):
            yield at["$ref"]
        for each in at.values():
            yield from references(each)
    elif isinstance(at, list):
        for each in at:
            yield from references(each)


def test_each_reference_leads_to_a_schema_and_each_schema_is_used() -> None:
    named = {name.removeprefix("#/components/schemas/") for name in references(DOCUMENT)}
    assert named == set(SCHEMAS)


def test_money_is_text_alone_and_the_rest_is_the_published_message() -> None:
    signal = SCHEMAS["SignalData"]["properties"]
    assert signal["position_size"]["type"] == "string"
    assert [each["type"] for each in signal["limit_price"]["anyOf"]] == ["string", "null"]
    published = MLTradeRequest.model_json_schema(mode="validation")
    assert SCHEMAS["MLTradeRequest"]["required"] == published["required"]
    assert SCHEMAS["MLTradeRequest"]["additionalProperties"] is False


def test_each_link_leads_to_an_operation_with_that_parameter() -> None:
    operations = {
        each["operationId"]: each for path in DOCUMENT["paths"].values() for each in path.values()
    }
    links = [
        link
        for each in operations.values()
        for answer in each["responses"].values()
        for link in answer.get("links", {}).values()
    ]
    assert len(links) > 5
    for link in links:
        known = {each["name"] for each in operations[link["operationId"]]["parameters"]}
        assert set(link["parameters"]) <= known
