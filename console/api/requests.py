"""Requests of strategies: submitted, looked up, and explained."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import Response
from sqlalchemy.orm import Session

from bot.authority.tokens import Bearer
from bot.decision import responses
from bot.errors import BadMessage
from bot.execution.orders.identity import request_keys
from bot.risk.codec import Unreadable
from console.api import problems
from console.api.answers import Explanation, Receipt, RequestStatus, made
from console.api.bearers import Caller, Strategy
from console.api.body import idempotency_key, json_text, require_same_key
from console.api.conditional import answered
from console.api.documented import IF_NONE_MATCH, SUBMIT_HEADERS, Link, body_of, documented
from console.api.intake import Intake
from console.api.problems import Problem
from console.views.explanation import stored_explanation
from console.web.desk import Desk
from console.web.patience import BoundedRoute
from models import strict_json
from models.enums import TokenKind
from models.messages import MLTradeRequest
from models.repositories.trading import orders
from models.tables import DecisionRow, ParentOrderRow, TradeRequestRow

router = APIRouter(tags=["requests"], route_class=BoundedRoute)
SIGNATURE = "mlrisk-signature"
"""The header with a strategy's signature, as JSON."""
_OF_REQUEST = {
    "status": Link("getRequest", "request_id", "$response.body#/request_id"),
    "explanation": Link("explainRequest", "request_id", "$response.body#/request_id"),
}

RequestId = Annotated[
    str,
    Path(
        pattern=r"^[A-Za-z0-9_.:\-]{1,64}(~[A-Za-z0-9_.:\-]{1,64})?$",
        description="A request's request_id, or its key.",
    ),
]


def desk_of(request: Request) -> Desk:
    """The process's desk."""
    found: Desk = request.app.state.desk
    return found


def intake_of(request: Request) -> Intake:
    """The process's intake."""
    found: Intake = request.app.state.intake
    return found


@router.post(
    "/requests",
    operation_id="submitRequest",
    openapi_extra=body_of(MLTradeRequest) | SUBMIT_HEADERS,
    **documented(Receipt, 202, 413, 415, 422, links=_OF_REQUEST, location=True),
)
def submit(
    request: Request, bearer: Strategy, text: Annotated[str, Depends(json_text)]
) -> Response:
    """Stores a trade request, which the validation worker then decides.

    The request_id is the idempotency key: sent again with the same content, the request gets the
    same answer, and nothing is done twice; with another content it is refused. An Idempotency-Key
    may be given too and must then be the request_id.
    """
    require_same_key(idempotency_key(request), _claimed_id(text))
    strategy = bearer.holder.name
    try:
        key = intake_of(request).accept(text, _signature(request), strategy)
    except BadMessage as error:
        raise problems.of_message(error) from error
    with desk_of(request).db.reading() as session:
        row = session.get_one(TradeRequestRow, key)
        facts = _facts(row) | {"payload_sha256": row.payload_sha256}
    asked_as = facts["request_id"]
    place = {"location": f"{request.scope['root_path']}/requests/{asked_as}"}
    return answered(request, made(Receipt, facts), 202, place)


@router.get(
    "/requests/{request_id}",
    operation_id="getRequest",
    openapi_extra=IF_NONE_MATCH,
    **documented(RequestStatus, 200, 404, 422, links=_OF_REQUEST),
)
def status(request: Request, bearer: Caller, request_id: RequestId) -> Response:
    """A request's decision in short, and how far its order has come.

    A strategy sees its own requests.
    """
    with desk_of(request).reading() as session:
        row = _visible(session, bearer, request_id)
        facts = _facts(row) | {"status": row.status, "failure": row.failure}
        decision = session.get(DecisionRow, row.request_id)
        if decision is not None:
            parent = session.get(ParentOrderRow, row.request_id)
            children = orders.children_of(session, row.request_id)
            facts |= responses.of_decision(row, decision, repeated=True)
            facts |= responses.of_parent(parent, children)
    return answered(request, made(RequestStatus, facts))


@router.get(
    "/requests/{request_id}/explanation",
    operation_id="explainRequest",
    openapi_extra=IF_NONE_MATCH,
    **documented(Explanation, 200, 404, 422),
)
def explain(request: Request, bearer: Caller, request_id: RequestId) -> Response:
    """Why a request was allowed, shrunk or denied: each check and each factor of its size."""
    with desk_of(request).reading() as session:
        row = _visible(session, bearer, request_id)
        try:
            facts: dict[str, Any] = stored_explanation(session, row.request_id) or {}
        except Unreadable as error:
            raise Problem(
                problems.REFUSED, f"another version of the gate decided it ({error})"
            ) from error
        facts |= {"request_id": responses.asked_as(row)}
    return answered(request, made(Explanation, facts))


def _facts(row: TradeRequestRow) -> dict[str, Any]:
    return {
        "request_id": responses.asked_as(row),
        "key": row.request_id,
        "strategy": row.strategy,
        "symbol": row.symbol,
        "side": row.side,
        "received_at": row.received_at,
    }


def _visible(session: Session, bearer: Bearer, asked: str) -> TradeRequestRow:
    """The row that a caller may see. Raises Problem, which does not tell whether another strategy
    has such a request."""
    strategy = bearer.holder.name if bearer.holder.kind is TokenKind.STRATEGY else None
    for key in _keys(asked, strategy):
        row = session.get(TradeRequestRow, key)
        if row is not None and strategy in (None, row.strategy):
            return row
    raise Problem(problems.NOT_FOUND, f"no request {asked!r} is known to this token")


def _keys(asked: str, strategy: str | None) -> Sequence[str]:
    if strategy is None or "~" in asked:
        return (asked,)
    return request_keys(asked, strategy)


def _claimed_id(text: str) -> object:
    """The request_id that a body names; None for a body that the admission will refuse."""
    try:
        raw = strict_json.loads(text)
    except ValueError:
        return None
    return raw.get("request_id") if isinstance(raw, dict) else None


def _signature(request: Request) -> object:
    """The strategy's signature of the header; None without one."""
    said = request.headers.get(SIGNATURE)
    if said is None:
        return None
    try:
        return strict_json.loads(said)
    except ValueError:
        return said  # refused by name where signatures count
