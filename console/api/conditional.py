"""Conditional requests: an answer's ETag, and the preconditions that name one (RFC 9110)."""

import hashlib
import re
from collections.abc import Mapping

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

_JSON = "application/json"
_TAG = re.compile(r'(?:W/)?("[\x21\x23-\x7e\x80-\xff]*")')


def body_of(answer: BaseModel) -> bytes:
    """An answer's bytes; the same facts give the same bytes."""
    return answer.model_dump_json().encode()


def etag_of(answer: BaseModel) -> str:
    """An answer's ETag, which changes with any of its facts."""
    return f'"{hashlib.sha256(body_of(answer)).hexdigest()[:32]}"'


def answered(
    request: Request,
    answer: BaseModel,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The answer with its ETag; 304 where If-None-Match of a GET has it already."""
    tag = etag_of(answer)
    more = {"etag": tag, **(headers or {})}
    if request.method == "GET" and names(request.headers.get("if-none-match"), tag):
        return Response(status_code=304, headers=more)
    return Response(body_of(answer), status, more, _JSON)


def names(header: str | None, tag: str) -> bool:
    """Whether a list of ETags, or `*`, has this one; tags of another strength count the same."""
    if header is None:
        return False
    return header.strip() == "*" or tag in _TAG.findall(header)
