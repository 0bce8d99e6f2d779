"""A route says which answers it may give, each refusal with its own words."""

from pydantic import BaseModel

from console.api.documented import PROBLEM, Link, body_of, documented
from console.api.problems import KINDS, MEDIA_TYPE


class Answer(BaseModel):
    """An answer."""

    name: str


def test_a_reading_route_may_answer_that_nothing_changed() -> None:
    said = documented(Answer, 200)
    assert said["response_model"] is Answer
    assert "ETag" in said["responses"][200]["headers"]
    assert "ETag" in said["responses"][304]["headers"]
    assert 304 not in documented(Answer, 202)["responses"]


def test_every_refusal_is_a_problem_with_the_titles_of_its_status() -> None:
    responses = documented(Answer, 202, 404)["responses"]
    assert {401, 404, 429, 503} <= responses.keys()
    for status in responses.keys() - {202}:
        refused = responses[status]
        assert refused["content"][MEDIA_TYPE]["schema"] == {"$ref": PROBLEM}
        for kind in KINDS:
            assert (kind.title in refused["description"]) == (kind.status == status)
    assert "Retry-After" in responses[429]["headers"]
    assert "WWW-Authenticate" in responses[401]["headers"]


def test_a_new_thing_says_where_it_is_and_what_follows() -> None:
    link = Link("read_request", "request_id", "$response.body#/request_id")
    answer = documented(Answer, 202, links={"follow": link}, location=True)["responses"][202]
    assert "Location" in answer["headers"]
    assert answer["links"]["follow"]["operationId"] == "read_request"


def test_a_body_is_required_and_named_by_its_model() -> None:
    body = body_of(Answer)["requestBody"]
    assert body["required"]
    assert body["content"]["application/json"]["schema"]["$ref"].endswith("/Answer")
