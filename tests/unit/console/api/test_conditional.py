"""ETags and the headers that name them."""

import pytest
from pydantic import BaseModel
from starlette.requests import Request

from console.api.conditional import answered, etag_of, names


class Said(BaseModel):
    number: int


def asked(method: str, **headers: str) -> Request:
    said = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "method": method, "headers": said})


def test_the_same_facts_have_the_same_tag_and_others_another() -> None:
    assert etag_of(Said(number=1)) == etag_of(Said(number=1)) != etag_of(Said(number=2))


@pytest.mark.parametrize(
    ("header", "has"),
    [
        (None, False),
        ("", False),
        ("*", True),
        ('"a"', True),
        ('W/"a"', True),
        ('"b", "a"', True),
        ('"b"', False),
        ("a", False),
        ('"aa"', False),
    ],
)
def test_a_header_names_tags(header: str | None, has: bool) -> None:
    assert names(header, '"a"') is has


def test_a_known_answer_is_not_sent_again_and_an_act_is_always_answered() -> None:
    said = Said(number=1)
    tag = etag_of(said)
    known = answered(asked("GET", if_none_match=tag), said)
    assert (known.status_code, known.body, known.headers["etag"]) == (304, b"", tag)
    assert answered(asked("GET", if_none_match='"x"'), said).status_code == 200
    assert answered(asked("POST", if_none_match=tag), said, 202).status_code == 202
