"""The acts: the red button, the way back with its proof, and breakers' resets.

Each goes through the service of the command of the same name. Stopping asks for a session alone.
What lets trading go on asks for passphrase and one-time code again, and outside development for an
override code.
"""

from functools import partial
from typing import Annotated, Any

from anyio.to_thread import run_sync
from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import BaseModel, Field

from bot.authority.actors import Actor, Operator
from bot.authority.login import Credentials
from bot.authority.override_codes import OverrideCodes, Use
from bot.errors import NotAuthorised, Refused
from bot.safety.recovery.recovering import CHANGED, RECOVERABLE, Authority, Recovering
from bot.state import binding
from bot.state.breakers import BreakerScope
from bot.state.scope import Scope
from config.settings import Settings
from console.runtime.halts.halt_steps import HaltOrder, HaltSteps
from console.runtime.halts.halting import scope_of
from console.runtime.halts.recovering import breakers_of, preview_of
from console.web.bounded import within
from console.web.consequences import Consequences, consequences_of, epoch_of
from console.web.desk import Desk
from console.web.door import (
    SEE_OTHER,
    UrgentVisit,
    Visit,
    allowed,
    desk_of,
    not_found,
    person_of,
    require,
)
from console.web.halts import HaltJob
from console.web.patience import BoundedRoute
from console.web.people import Person, Right
from console.web.sessions import WebSession
from models.database import Database
from models.enums import OverrideAction, ScopeKind
from workers.supervision.ballast import release_when_full

router = APIRouter(route_class=BoundedRoute)
urgent = APIRouter()
"""What waits for no Postgres, and therefore for no place among the pages that do."""
REFUSED = 409
LOOK_SECONDS = 4.0
"""The wait for what a halt would do."""


class HaltForm(BaseModel):
    """The fields of the red button."""

    csrf: str = Field(max_length=200)
    reason: str = Field(min_length=1, max_length=500)
    scope: str = Field(default="global", max_length=200)
    cancel: bool = False
    flatten: bool = False
    stop_exits: bool = False
    epoch: int = 0

    def order(self, settings: Settings) -> HaltOrder:
        """What is asked for. Raises Refused and CommandError."""
        return HaltOrder(
            scope_of(self.scope.strip(), settings),
            self.reason,
            cancel=self.cancel,
            flatten=self.flatten,
            stop_exits=self.stop_exits,
        )


class ProofForm(BaseModel):
    """The fields of an act that lets trading go on."""

    csrf: str = Field(max_length=200)
    reason: str = Field(min_length=1, max_length=500)
    seen: str = Field(max_length=100)
    """What the person has looked at: the epoch of a state, or a breaker's last change."""
    passphrase: str = Field(default="", max_length=1000, repr=False)
    code: str = Field(default="", max_length=16, repr=False)
    override: str = Field(default="", max_length=100, repr=False)


class RecoverForm(ProofForm):
    """A recovery of a scope."""

    scope: str = Field(default="global", max_length=200)


class ResetForm(ProofForm):
    """The reset of a breaker."""

    kind: str = Field(max_length=100)
    scope: str = Field(max_length=200)


HaltFields = Annotated[HaltForm, Form()]


@urgent.get("/halt", response_class=HTMLResponse)
async def halt_page(request: Request, visit: UrgentVisit, scope: str = "global") -> Response:
    """Step 1: what to stop."""
    allowed(visit, Right.HALT)
    return desk_of(request).page("halt.html", "Halt trading", visit, scope=scope)


@urgent.post("/halt/look", response_class=HTMLResponse)
async def halt_look(request: Request, visit: UrgentVisit, form: HaltFields) -> Response:
    """Step 2: what will happen, and the button. The button is there also while Postgres hangs."""
    require(visit, Right.HALT, form.csrf)
    return await run_sync(_look, request, visit, form, limiter=desk_of(request).halt_threads)


def _look(request: Request, visit: WebSession, form: HaltForm) -> Response:
    desk = desk_of(request)
    order = form.order(desk.acting_settings)
    found = within(
        LOOK_SECONDS,
        lambda: consequences_of(desk.look, order),
        otherwise=Consequences(unknown="Postgres does not answer"),
    )
    return desk.page("halt_look.html", "Halt trading?", visit, order=order, form=form, found=found)


@urgent.post("/halt")
async def halt(request: Request, visit: UrgentVisit, form: HaltFields) -> Response:
    """Halts at once, and leads to the page that follows the halt. It answers within a few seconds
    also while Postgres or the exchange hangs."""
    person, desk = require(visit, Right.HALT, form.csrf), desk_of(request)
    job = await run_sync(_halt, desk, form, person, limiter=desk.halt_threads)
    return RedirectResponse(f"/halts/{job.number}", SEE_OTHER)


def _halt(desk: Desk, form: HaltForm, person: Person) -> HaltJob:
    settings = desk.acting_settings
    order = form.order(settings)
    release_when_full(settings.home)
    # A halt is never refused for a change; the person only hears of it.
    return desk.halts.begin(
        order,
        person.name,
        # A pooled connection to a Postgres that is frozen would never end; a new one does, and so
        # does the one that stands by.
        HaltSteps(
            settings,
            Database(settings.require_database_url()),
            desk.clock,
            order,
            person.actor,
            desk.standby,
        ),
        partial(_changed, desk, order.scope, form.epoch),
    )


def _changed(desk: Desk, scope: Scope, seen: int, already: bool) -> str | None:
    """Whether somebody moved the state since the look, by its epoch after this halt."""
    now = epoch_of(desk.look, scope)
    if now is None or now == seen + (0 if already else 1):
        return None
    return "the state changed since you looked; the halt was carried out all the same"


@urgent.get("/halts/{number}", response_class=HTMLResponse)
async def halt_progress(request: Request, visit: UrgentVisit, number: str) -> Response:
    """How far a halt is, and its verified end."""
    desk = desk_of(request)
    job = desk.halts.find(number)
    if job is None:
        raise not_found("no halt of that number was asked for here since the console started")
    answer = desk.page("halt_progress.html", "Halt", visit, job=job)
    if job.ended_at is None:
        # Browsers come again by themselves, without any script.
        answer.headers["refresh"] = "1"
    return answer


@router.get("/recover", response_class=HTMLResponse)
def recover_page(request: Request, visit: Visit, scope: str = "global") -> Response:
    """What a recovery would do, and the forms of recovery, confirmation and reset."""
    allowed(visit, Right.LOOSEN)
    return _recovery(request, visit, scope, None)


def _recovery(
    request: Request, visit: Any, scope: str, problem: str | None, status: int = 200
) -> Response:
    desk = desk_of(request)
    settings = desk.settled()
    chosen = scope_of(scope.strip(), settings)
    service = Recovering(desk.db, settings.account, desk.clock)
    # Before the preview: what changes after it is told apart by the older epoch.
    epoch = epoch_of(desk.look, chosen)
    return desk.page(
        "recover.html",
        "Recover",
        visit,
        status=status,
        settings=settings,
        problem=problem,
        scope=chosen,
        epoch=epoch or 0,
        shown=preview_of(settings, desk.db, chosen),
        waiting=service.open(),
        tripped=[row for row in breakers_of(settings, desk.db).known() if row.tripped],
        free=desk.is_free(),
        needs_login=person_of(visit).operator is not None,
        recoverable=RECOVERABLE,
    )


@router.post("/recover")
def recover(request: Request, visit: Visit, form: Annotated[RecoverForm, Form()]) -> Response:
    """Asks for a recovery, and begins it unless a second person has to confirm."""
    person, desk = require(visit, Right.LOOSEN, form.csrf), desk_of(request)
    try:
        settings = desk.settled()
        chosen = scope_of(form.scope.strip(), settings)
        authority = _authority(desk, person, form, Use(OverrideAction.RECOVER, str(chosen)))
        with desk.db.reading() as session:
            second = not authority.is_free and binding.needs_second_person(session, settings)
        Recovering(desk.db, settings.account, desk.clock).ask(
            chosen,
            reason=form.reason,
            authority=authority,
            needs_second=second,
            seen_epoch=_number(form.seen),
        )
    except (Refused, NotAuthorised) as refusal:
        return _recovery(request, visit, form.scope, refusal.message, _status_of(refusal))
    return RedirectResponse("/", SEE_OTHER)


@router.post("/recover/{number}/confirm")
def confirm(
    request: Request, visit: Visit, number: int, form: Annotated[ProofForm, Form()]
) -> Response:
    """Confirms, as the second person, what another operator asked for."""
    person, desk = require(visit, Right.LOOSEN, form.csrf), desk_of(request)
    settings = desk.settled()
    service = Recovering(desk.db, settings.account, desk.clock)
    scope = service.scope_of(number)
    try:
        authority = _authority(desk, person, form, Use(OverrideAction.CONFIRM, str(scope)))
        service.confirm(number, reason=form.reason, authority=authority)
    except (Refused, NotAuthorised) as refusal:
        return _recovery(request, visit, _word(scope), refusal.message, _status_of(refusal))
    return RedirectResponse("/", SEE_OTHER)


@router.post("/breakers/reset")
def reset(request: Request, visit: Visit, form: Annotated[ResetForm, Form()]) -> Response:
    """Resets a tripped breaker."""
    person, desk = require(visit, Right.LOOSEN, form.csrf), desk_of(request)
    try:
        settings = desk.settled()
        held = breakers_of(settings, desk.db)
        where, _, key = form.scope.partition(":")
        seen = [
            row.changed_at.isoformat()
            for row in held.known()
            if (row.kind, row.scope_kind, row.scope_key) == (form.kind, where, key) and row.tripped
        ]
        if form.seen not in seen:
            raise Refused("the state changed since you looked: look again", code=CHANGED)
        authority = _authority(desk, person, form, None)
        held.reset(
            form.kind,
            reason=form.reason,
            actor=authority.actor,
            authorised=authority.is_free,
            scope=BreakerScope(ScopeKind(where), key),
        )
    except (Refused, NotAuthorised) as refusal:
        return _recovery(request, visit, "global", refusal.message, _status_of(refusal))
    return RedirectResponse("/recover", SEE_OTHER)


def _authority(desk: Desk, person: Person, form: ProofForm, use: Use | None) -> Authority:
    """An operator proves himself again, whatever the session says. Raises NotAuthorised.

    `use` is what an override code has to open; None where the act takes none.
    """
    free, operator = desk.is_free(), person.operator
    if operator is None:
        # The user of this machine, whom a link let in. Outside development the service refuses.
        return Authority(person.actor, is_free=free)
    again: Operator = desk.login(Credentials(operator.name, form.passphrase, form.code))
    actor: Actor = again
    if free or use is None:
        return Authority(actor, is_free=free)
    proven = OverrideCodes(desk.db, desk.clock).prove(form.override, use, again)
    return Authority(actor, code=proven)


def _status_of(refusal: Refused | NotAuthorised) -> int:
    return 403 if isinstance(refusal, NotAuthorised) else REFUSED


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise Refused("the page that you looked at was damaged: look again", code=CHANGED)
    return int(text)


def _word(scope: Scope) -> str:
    return "global" if scope.kind is ScopeKind.GLOBAL else str(scope)
