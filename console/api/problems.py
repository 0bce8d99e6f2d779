"""Problems as RFC 9457 describes them: every refusal of the interface has a type by its name."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, Field
from starlette.responses import JSONResponse, Response

from bot.errors import BadMessage, FieldError
from config.errors import MlriskError
from models.enums import MessageRefusal

MEDIA_TYPE = "application/problem+json"
_URN = "urn:mlrisk:problem:"
_WHOLE = "request"
"""How a message's errors name the whole of it."""
_SHOWN = 1000


@dataclass(frozen=True, slots=True)
class Kind:
    """A type of problem."""

    name: str
    status: int
    title: str

    @property
    def type(self) -> str:
        """Its URI."""
        return _URN + self.name


TOKEN_IN_ADDRESS = Kind("token-in-address", 400, "Tokens belong into the Authorization header")
UNKNOWN_PARAMETER = Kind("unknown-parameter", 400, "There is no such query parameter")
NO_TOKEN = Kind("no-token", 401, "A token is needed")
BAD_TOKEN = Kind("bad-token", 401, "The token is not good")
NOT_ALLOWED = Kind("not-allowed", 403, "The token may not do this")
FOREIGN_PAGE = Kind("foreign-page", 403, "Pages of other sites may not use this interface")
ANOTHER_STRATEGY = Kind("another-strategy", 403, "The request names another strategy")
NOT_AUTHENTIC = Kind("not-authentic", 403, "The strategy's signature is missing or not good")
NOT_FOUND = Kind("not-found", 404, "There is nothing here")
NO_SUCH_METHOD = Kind("no-such-method", 405, "The method does not exist here")
REFUSED = Kind("refused", 409, "Refused")
REQUEST_ID_TAKEN = Kind("request-id-taken", 409, "The request_id has another content")
STATE_CHANGED = Kind("state-changed", 412, "The state changed since you looked")
TOO_LARGE = Kind("too-large", 413, "The body is too large")
NOT_JSON = Kind("not-json", 415, "The body must be application/json")
WRONG_HOST = Kind("wrong-host", 421, "This interface answers to the names of its own machine")
BAD_MESSAGE = Kind("bad-message", 422, "The message was refused")
BAD_KEY = Kind("bad-idempotency-key", 422, "Idempotency-Key and request_id differ")
TOO_MANY = Kind("too-many-requests", 429, "Too many requests")
QUOTA = Kind("quota-exceeded", 429, "The strategy's quota is used up")
DEFECT = Kind("internal-error", 500, "Something failed here")
UNAVAILABLE = Kind("unavailable", 503, "Postgres can't be reached")
HALTED_BY_JOURNAL = Kind("halted-by-journal", 503, "Halted by this machine's journal alone")
NOT_HALTED = Kind("not-halted", 503, "NOT halted")

KINDS = tuple(value for value in list(globals().values()) if isinstance(value, Kind))
_OF_MESSAGES = {
    MessageRefusal.REQUEST_ID_TAKEN.value: REQUEST_ID_TAKEN,
    MessageRefusal.ANOTHER_STRATEGY.value: ANOTHER_STRATEGY,
    MessageRefusal.QUOTA_EXCEEDED.value: QUOTA,
}


class FieldProblem(BaseModel):
    """One wrong part of a request."""

    field: str = Field(description="Its dotted path in the body, or the name of a header.")
    pointer: str | None = Field(
        default=None, description="Its JSON pointer in the body; null for a part outside of it."
    )
    detail: str


class ProblemDetails(BaseModel):
    """A refusal or a failure (RFC 9457)."""

    type: str = Field(description="The problem's name, for programs: `urn:mlrisk:problem:NAME`.")
    title: str
    status: int
    detail: str = Field(description="What is wrong, for people.")
    errors: list[FieldProblem] | None = None


class Problem(MlriskError):
    """Ends a request with a problem."""

    def __init__(
        self,
        kind: Kind,
        detail: str,
        errors: Iterable[FieldProblem] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail, code=kind.name)
        self.kind = kind
        self.errors = tuple(errors)
        self.headers = dict(headers or {})

    def answer(self) -> Response:
        """The problem as an answer."""
        said: dict[str, Any] = {
            "type": self.kind.type,
            "title": self.kind.title,
            "status": self.kind.status,
            "detail": self.message[:_SHOWN],
        }
        if self.errors:
            said["errors"] = [each.model_dump() for each in self.errors]
        return JSONResponse(said, self.kind.status, self.headers, MEDIA_TYPE)


def of_message(error: BadMessage) -> Problem:
    """The problem of a refused message, with each wrong field."""
    kind = _OF_MESSAGES.get(error.code)
    if kind is None:
        signed = error.code in {each.value for each in MessageRefusal if each.is_of_signature}
        kind = NOT_AUTHENTIC if signed else BAD_MESSAGE
    headers = {"retry-after": "1"} if kind is QUOTA else {}
    return Problem(kind, error.message, map(_of_field, error.errors), headers)


def in_body(path: Iterable[object], detail: str) -> FieldProblem:
    """A wrong field of the body, by its path."""
    parts = [str(part) for part in path]
    pointer = "#" + "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in parts)
    return FieldProblem(field=".".join(parts) or _WHOLE, pointer=pointer, detail=detail)


def outside_of_body(name: str, detail: str) -> FieldProblem:
    """A wrong header, or a wrong part of the address."""
    return FieldProblem(field=name, detail=detail)


def _of_field(error: FieldError) -> FieldProblem:
    path = [] if error.field == _WHOLE else error.field.split(".")
    return in_body(path, error.message)
