"""Reads a request's body in bounds, and its Idempotency-Key."""

import re

from starlette.requests import Request

from bot.decision.authentication import MAX_TEXT_BYTES
from console.api import problems
from console.api.problems import Problem, outside_of_body

_JSON = re.compile(r"application/json(\s*;.*)?", re.IGNORECASE)
_STRUCTURED = re.compile(r'"([\x20-\x21\x23-\x5b\x5d-\x7e]*)"')
"""A string of structured fields (RFC 9651) without escapes, which no request_id needs."""


async def json_text(request: Request) -> str:
    """The body as text. Raises Problem for another content type, and for a body that is too long or
    no UTF-8."""
    if not _JSON.fullmatch(request.headers.get("content-type", "").strip()):
        raise Problem(problems.NOT_JSON, "send the body as application/json")
    said = request.headers.get("content-length", "")
    if said.isascii() and said.isdigit() and int(said) > MAX_TEXT_BYTES:
        raise _too_large()
    found = bytearray()
    # A body without a stated length is counted while it comes.
    async for part in request.stream():
        found += part
        if len(found) > MAX_TEXT_BYTES:
            raise _too_large()
    try:
        return found.decode()
    except UnicodeDecodeError:
        wrong = problems.in_body((), "is no UTF-8")
        raise Problem(problems.BAD_MESSAGE, "the body is no UTF-8", [wrong]) from None


def idempotency_key(request: Request) -> str | None:
    """The Idempotency-Key, with or without quotation marks; None without the header."""
    said = request.headers.get("idempotency-key")
    if said is None:
        return None
    quoted = _STRUCTURED.fullmatch(said.strip())
    return said.strip() if quoted is None else quoted[1]


def require_same_key(key: str | None, request_id: object) -> None:
    """Raises Problem for a key that is not the request's own id, because the id is the key."""
    if key is None or not isinstance(request_id, str) or key == request_id:
        return
    wrong = outside_of_body("Idempotency-Key", "must be the request_id, which is the key itself")
    raise Problem(
        problems.BAD_KEY, "a request_id names one content for ever; no other key exists", [wrong]
    )


def _too_large() -> Problem:
    # What follows of the body is not read, so that the connection must end.
    return Problem(
        problems.TOO_LARGE,
        f"a body has at most {MAX_TEXT_BYTES} bytes",
        headers={"connection": "close"},
    )
