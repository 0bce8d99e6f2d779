"""How operations are documented: their answers, headers and links, for OpenAPI 3.1."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from console.api.problems import KINDS, MEDIA_TYPE

PROBLEM = "#/components/schemas/ProblemDetails"
_ALWAYS = (400, 401, 403, 409, 421, 429, 500, 503)
"""Every operation with a token may answer these."""
_TEXT = {"type": "string"}
_TAG = {"description": "The answer's mark, for If-None-Match and If-Match.", "schema": _TEXT}
_LOCATION = {"description": "Where it is followed.", "schema": _TEXT}
_AFTER = {"description": "Seconds to wait.", "schema": {"type": "integer"}}
_CHALLENGE = {"description": "How to prove who asks.", "schema": _TEXT}
_HEADERS: Mapping[int, dict[str, Any]] = {
    401: {"WWW-Authenticate": _CHALLENGE},
    429: {"Retry-After": _AFTER},
}


def body_of(model: type[BaseModel]) -> dict[str, Any]:
    """The body of an operation that reads it by itself, in bounds."""
    schema = {"$ref": f"#/components/schemas/{model.__name__}"}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


SUBMIT_HEADERS: dict[str, Any] = {
    "parameters": [
        {
            "name": "Idempotency-Key",
            "in": "header",
            "required": False,
            "description": "The request_id once more, with or without quotation marks.",
            "schema": _TEXT,
        },
        {
            "name": "Mlrisk-Signature",
            "in": "header",
            "required": False,
            "description": "Where messages are signed: the header `mlrisk_auth` of the same "
            "message, as JSON. It covers the exact text of the body.",
            "schema": _TEXT,
        },
    ],
}
IF_MATCH: dict[str, Any] = {
    "parameters": [
        {
            "name": "If-Match",
            "in": "header",
            "required": False,
            "description": "Halt only if the scope's state is as it was seen (its ETag). A halt "
            "that must happen in any case sends none.",
            "schema": _TEXT,
        }
    ]
}
IF_NONE_MATCH: dict[str, Any] = {
    "parameters": [
        {
            "name": "If-None-Match",
            "in": "header",
            "required": False,
            "description": "The ETag of the answer that is known already.",
            "schema": _TEXT,
        }
    ]
}


@dataclass(frozen=True, slots=True)
class Link:
    """An operation that follows, with one parameter out of this one's answer."""

    operation: str
    parameter: str
    value: str

    def to_json(self) -> dict[str, Any]:
        """As OpenAPI writes it."""
        return {"operationId": self.operation, "parameters": {self.parameter: self.value}}


def documented(
    model: type[BaseModel],
    status: int,
    *refused: int,
    links: Mapping[str, Link] | None = None,
    location: bool = False,
) -> dict[str, Any]:
    """What a route says of itself: its answer, and the problems that it may end with."""
    headers = {"ETag": _TAG} | ({"Location": _LOCATION} if location else {})
    answer: dict[str, Any] = {"headers": headers}
    if links:
        answer["links"] = {name: link.to_json() for name, link in links.items()}
    responses: dict[int | str, dict[str, Any]] = {status: answer}
    if status == 200:
        responses[304] = {"description": "Nothing changed.", "headers": {"ETag": _TAG}}
    for each in sorted({*_ALWAYS, *refused}):
        responses[each] = _problem(each)
    return {"response_model": model, "status_code": status, "responses": responses}


def _problem(status: int) -> dict[str, Any]:
    titles = ", or ".join(kind.title for kind in KINDS if kind.status == status)
    said: dict[str, Any] = {
        "description": f"{titles}.",
        "content": {MEDIA_TYPE: {"schema": {"$ref": PROBLEM}}},
    }
    if status in _HEADERS:
        said["headers"] = _HEADERS[status]
    return said
