"""Bodies are read in bounds, and an Idempotency-Key is the request_id."""

from typing import Any

import pytest
from starlette.requests import Request

from bot.decision.authentication import MAX_TEXT_BYTES
from console.api.body import idempotency_key, json_text, require_same_key
from console.api.problems import Problem


def sent(*parts: bytes, **headers: str) -> Request:
    waiting = [{"type": "http.request", "body": part, "more_body": True} for part in parts]
    waiting.append({"type": "http.request", "body": b"", "more_body": False})

    async def receive() -> Any:
        return waiting.pop(0)

    said = {"content_type": "application/json"} | headers
    pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in said.items()]
    return Request({"type": "http", "method": "POST", "headers": pairs}, receive)


async def refused(request: Request) -> str:
    with pytest.raises(Problem) as problem:
        await json_text(request)
    return problem.value.kind.name


async def test_a_body_comes_in_parts() -> None:
    assert await json_text(sent(b'{"a":', b'"\xc3\xa4"}')) == '{"a":"ä"}'
    utf8 = sent(b"{}", content_type="Application/JSON; charset=utf-8")
    assert await json_text(utf8) == "{}"


async def test_a_body_that_is_too_long_is_read_no_further() -> None:
    assert await refused(sent(content_length=str(MAX_TEXT_BYTES + 1))) == "too-large"
    half = b"x" * (MAX_TEXT_BYTES // 2 + 1)
    unread = sent(half, half, half)
    assert await refused(unread) == "too-large"
    # A stated length that lies makes no difference.
    assert await refused(sent(half, half, content_length="1")) == "too-large"
    assert len(await json_text(sent(b"x" * MAX_TEXT_BYTES))) == MAX_TEXT_BYTES


@pytest.mark.parametrize("kind", ["", "text/plain", "application/jsonx", "multipart/form-data"])
async def test_another_content_type_is_refused(kind: str) -> None:
    assert await refused(sent(b"{}", content_type=kind)) == "not-json"


async def test_bytes_that_are_no_text_are_refused() -> None:
    assert await refused(sent(b"\xff")) == "bad-message"


@pytest.mark.parametrize(
    ("said", "key"), [(None, None), ("r-1", "r-1"), ('"r-1"', "r-1"), ('"r', '"r'), ("", "")]
)
def test_a_key_stands_with_or_without_quotation_marks(said: str | None, key: str | None) -> None:
    request = sent() if said is None else sent(idempotency_key=said)
    assert idempotency_key(request) == key


def test_a_key_is_the_request_id() -> None:
    for key, request_id in ((None, "r"), ("r", "r"), ("x", None), ("x", 7)):
        require_same_key(key, request_id)
    with pytest.raises(Problem) as problem:
        require_same_key("x", "r")
    assert problem.value.kind.name == "bad-idempotency-key"
