"""The states of trading: looked at, and halted."""

from typing import Annotated

from anyio.to_thread import run_sync
from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import Response
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from bot.authority.tokens import Bearer
from bot.state import binding
from bot.state.scope import Scope
from console.api import problems
from console.api.answers import Halt, State, SystemStatus, made
from console.api.bearers import FollowersToken, HaltersToken, OperatorsToken, halt_threads
from console.api.body import json_text
from console.api.conditional import answered, etag_of, names
from console.api.documented import IF_MATCH, IF_NONE_MATCH, Link, body_of, documented
from console.api.halting import HALTED, HaltAsked, halt_asked, halt_facts, halted, order_of
from console.api.problems import Problem
from console.api.requests import desk_of
from console.runtime.halts.halting import scope_of
from console.views.live.lease_view import lease_view
from console.web.bounded import within
from console.web.patience import BoundedRoute
from models.enums import ScopeKind, TradingState
from models.repositories.safety import states
from models.tables import TradingStateRow

router = APIRouter(tags=["states"], route_class=BoundedRoute)
urgent = APIRouter(tags=["states"])
"""What must be done although Postgres hangs; each has a bound of its own."""
LOOK_SECONDS = 2.0
"""A halt waits no longer for the state that its If-Match is compared with."""

ScopeName = Annotated[
    str,
    Path(
        pattern=r"^(global|account|(account|strategy):[A-Za-z0-9_.:\-]{1,64}"
        r"|symbol:[A-Z0-9]{2,32})$",
        description="global, account, strategy:NAME or symbol:SYMBOL.",
    ),
]
_FOLLOWED = {
    "progress": Link("getHalt", "number", "$response.body#/number"),
    "state": Link("getState", "scope", "$response.body#/scope"),
}


@router.get(
    "/status",
    operation_id="getStatus",
    openapi_extra=IF_NONE_MATCH,
    **documented(SystemStatus, 200),
)
def system_status(request: Request, _: OperatorsToken) -> Response:
    """Whether this system may trade: each trading state, and the lease to trade."""
    desk = desk_of(request)
    with desk.reading() as session:
        settings = binding.shown(session, desk.settings)
        found = [_state(session, row) for row in states.all_states(session)]
        problem = lease_view(session, settings.account).problem
    allowed = all(TradingState(each.state).allows_adding for each in found)
    facts = {
        "account": settings.account,
        "environment": settings.environment,
        "mode": settings.exchange_mode,
        "states": [each.model_dump() for each in found],
        "may_add_risk": bool(found) and allowed and problem is None,
        "lease_problem": problem,
    }
    return answered(request, made(SystemStatus, facts))


@router.get(
    "/states/{scope}",
    operation_id="getState",
    openapi_extra=IF_NONE_MATCH,
    **documented(
        State, 200, 404, 422, links={"halt": Link("haltTrading", "scope", "$response.body#/scope")}
    ),
)
def state(request: Request, _: OperatorsToken, scope: ScopeName) -> Response:
    """The trading state of a scope. One that was never set is active, with epoch 0."""
    desk = desk_of(request)
    with desk.reading() as session:
        chosen = scope_of(scope, binding.shown(session, desk.settings))
        return answered(request, _state_of(session, chosen))


@urgent.post(
    "/states/{scope}/halt",
    operation_id="haltTrading",
    openapi_extra=body_of(HaltAsked) | IF_MATCH,
    **documented(Halt, 202, 404, 412, 413, 415, 422, links=_FOLLOWED, location=True),
)
async def halt(
    request: Request,
    bearer: HaltersToken,
    scope: ScopeName,
    text: Annotated[str, Depends(json_text)],
) -> Response:
    """Halts trading in a scope, at once, as `mlrisk halt` does; also while Postgres is away.

    It needs no Idempotency-Key: a scope that is halted already stays halted. The answer comes when
    nothing that adds risk can be claimed any more (`hold` is `halted`), and after a few seconds
    whatever hangs; its number leads to the proof.
    """
    # Threads of its own: those that wait for a Postgres that hangs must not hold up a halt.
    return await run_sync(_halt, request, bearer, scope, text, limiter=halt_threads(request))


def _halt(request: Request, bearer: Bearer, scope: str, text: str) -> Response:
    desk = desk_of(request)
    order = order_of(halt_asked(text), scope, desk.acting_settings)
    _require_match(request, order.scope)
    root = request.scope["root_path"]
    job = halted(desk, order, bearer, root)
    place = {"location": f"{root}/halts/{job.number}"}
    return answered(request, made(Halt, halt_facts(job)), 202, place)


@urgent.get(
    "/halts/{number}",
    operation_id="getHalt",
    openapi_extra=IF_NONE_MATCH,
    **documented(
        Halt, 200, 404, 422, links={"state": Link("getState", "scope", "$response.body#/scope")}
    ),
)
def halt_progress(
    request: Request,
    _: FollowersToken,
    number: Annotated[str, Path(pattern=r"^[0-9a-f]{16}$", description="The halt's number.")],
) -> Response:
    """How far a halt is. This process knows those that were asked for here since its start."""
    job = desk_of(request).halts.find(number)
    if job is None:
        raise Problem(problems.NOT_FOUND, "no halt of that number was asked for here")
    return answered(request, made(Halt, halt_facts(job)))


def _require_match(request: Request, scope: Scope) -> None:
    """Raises Problem where If-Match names another state than the scope's. A scope that is halted
    already matches, because the halt then changes nothing; and so does one that can't be read in
    time."""
    wanted = request.headers.get("if-match")
    if wanted is None:
        return

    def read() -> State:
        with desk_of(request).reading() as session:
            return _state_of(session, scope)

    try:
        found = within(LOOK_SECONDS, read, otherwise=None)
    except DBAPIError:
        return
    if found is None or found.state in HALTED or names(wanted, etag_of(found)):
        return
    raise Problem(
        problems.STATE_CHANGED,
        f"{found.scope} is {found.state} since epoch {found.epoch}: look again, or halt without "
        "If-Match",
        headers={"etag": etag_of(found)},
    )


def _state_of(session: Session, scope: Scope) -> State:
    """The scope's state, as the audit and its row agree on it."""
    for row in states.all_states(session):
        if (row.scope_kind, row.scope_key) == (scope.kind, scope.key):
            return _state(session, row)
    return State(scope=_name(scope.kind, scope.key), state="active", reason="", epoch=0)


def _state(session: Session, judged: TradingStateRow) -> State:
    """A state with who set it and when. The row of a state that counts as another says nothing of
    both."""
    scope = _name(judged.scope_kind, judged.scope_key)
    row = session.get(TradingStateRow, (judged.scope_kind, judged.scope_key))
    said = {"scope": scope, "state": judged.state, "reason": judged.reason, "epoch": judged.epoch}
    if row is not None and row.state == judged.state:
        said |= {"actor": row.actor, "changed_at": row.changed_at, "sealed_at": row.sealed_at}
    return made(State, said)


def _name(kind: str, key: str) -> str:
    """The scope as the address names it."""
    return kind if kind == ScopeKind.GLOBAL else f"{kind}:{key}"
