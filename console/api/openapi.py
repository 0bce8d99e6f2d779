"""The OpenAPI 3.1 document of the interface, from its routes and models."""

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from starlette.routing import BaseRoute

from bot.decision.admitting import MONEY
from console.api.halting import HaltAsked
from console.api.problems import ProblemDetails
from console.version import program_version
from models.messages import MLTradeRequest

PREFIX = "/api/v1"
_SCHEME = "token"
_INTRODUCTION = (
    "Submits trade requests to mlrisk, follows and explains them, shows states and limits, and "
    "halts. A strategy's token submits and reads its own requests; an operator's looks and halts. "
    "Nothing here lets trading go on."
)
_BODIES: tuple[type[BaseModel], ...] = (MLTradeRequest, HaltAsked)
_OF_REQUEST = {"signal_data": "SignalData", "market_data": "RequestMarketData"}
_MONEY = {
    "type": "string",
    "pattern": r"^-?[0-9]{1,20}(\.[0-9]{1,18})?$",
    "description": "plain decimal digits",
}


def document(routes: Sequence[BaseRoute]) -> dict[str, Any]:
    """The document. Paths are below the prefix."""
    found = get_openapi(
        title="mlrisk",
        version=program_version(),
        openapi_version="3.1.0",
        description=_INTRODUCTION,
        routes=routes,
        servers=[{"url": PREFIX}],
    )
    parts: dict[str, Any] = found.setdefault("components", {})
    schemas: dict[str, Any] = parts.setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    schemas.update(_bodies())
    schemas.update(_schemas(ProblemDetails, mode="serialization"))
    parts["securitySchemes"] = {
        _SCHEME: {"type": "http", "scheme": "bearer", "description": "`mlrisk token create`"}
    }
    found["security"] = [{_SCHEME: []}]
    return found


_made: dict[str, Any] = {}


def described(routes: Sequence[BaseRoute]) -> dict[str, Any]:
    """The document, made once for each process because its routes never change."""
    if not _made:
        _made.update(document(routes))
    return _made


def _bodies() -> dict[str, Any]:
    """The models of bodies; money is text alone, because programs round numbers of JSON."""
    found: dict[str, Any] = {}
    for model in _BODIES:
        found.update(_schemas(model, mode="validation"))
    for part, name in _OF_REQUEST.items():
        for field in MONEY[part]:
            said: Mapping[str, Any] = found[name]["properties"][field]
            optional = any(each.get("type") == "null" for each in said.get("anyOf", ()))
            told = {key: said[key] for key in ("title", "default", "description") if key in said}
            shape = {"anyOf": [_MONEY, {"type": "null"}]} if optional else _MONEY
            found[name]["properties"][field] = {**shape, **told}
    return found


def _schemas(model: type[BaseModel], *, mode: Any) -> dict[str, Any]:
    """A model's schema and those that it refers to, by name."""
    _, made = models_json_schema([(model, mode)], ref_template="#/components/schemas/{model}")
    found: dict[str, Any] = made["$defs"]
    return found
