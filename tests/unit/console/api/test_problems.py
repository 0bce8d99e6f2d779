"""Problems carry their type, status, words and wrong fields (RFC 9457)."""

import json

import pytest

from bot.errors import BadMessage, FieldError, NotAuthentic, QuotaExceeded, RequestIdTaken
from console.api import problems
from console.api.problems import KINDS, MEDIA_TYPE, Problem, in_body, of_message
from models.enums import MessageRefusal

WRONG = (FieldError("signal_data.position_size", "is wrong"),)


def test_every_kind_has_a_name_and_a_status_of_its_own_sense() -> None:
    assert len({kind.name for kind in KINDS}) == len(KINDS) > 20
    assert all(400 <= kind.status < 600 and kind.title for kind in KINDS)
    assert all(kind.type == f"urn:mlrisk:problem:{kind.name}" for kind in KINDS)


def test_an_answer_says_what_is_wrong_and_where() -> None:
    answer = Problem(problems.BAD_MESSAGE, "it is wrong", [in_body(("a", "b/c~"), "no")]).answer()
    assert (answer.status_code, answer.media_type) == (422, MEDIA_TYPE)
    said = json.loads(bytes(answer.body))
    assert said["errors"] == [{"field": "a.b/c~", "pointer": "#/a/b~1c~0", "detail": "no"}]
    assert said["detail"] == "it is wrong"


@pytest.mark.parametrize(
    ("error", "name"),
    [
        (BadMessage(WRONG), "bad-message"),
        (RequestIdTaken(WRONG), "request-id-taken"),
        (BadMessage(WRONG, code=MessageRefusal.ANOTHER_STRATEGY), "another-strategy"),
        (QuotaExceeded("open_requests", "requests", used=2, allowed=1), "quota-exceeded"),
        *(
            (NotAuthentic(WRONG, code=code), "not-authentic")
            for code in MessageRefusal
            if code.is_of_signature
        ),
    ],
)
def test_each_refusal_of_a_message_is_a_problem_of_its_name(error: BadMessage, name: str) -> None:
    problem = of_message(error)
    assert problem.kind.name == name
    assert [each.field for each in problem.errors] == [error.errors[0].field]
    assert (problem.headers.get("retry-after") == "1") == (problem.kind.status == 429)


def test_the_whole_of_a_message_is_the_root() -> None:
    assert of_message(BadMessage((FieldError("request", "no JSON"),))).errors[0].pointer == "#"
