"""Halts that programs ask for: the steps of the command and of the browser's button."""

from dataclasses import asdict
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bot.authority.tokens import Bearer
from config.settings import Settings
from console.api import problems
from console.api.problems import Problem, in_body
from console.runtime.halts.halt_steps import HaltOrder, HaltSteps
from console.runtime.halts.halting import scope_of
from console.web.desk import Desk
from console.web.halts import HaltJob, Hold
from models import strict_json
from models.database import Database
from models.enums import ScopeKind, TradingState
from workers.supervision.ballast import release_when_full

HALTED = (TradingState.HALTED, TradingState.FLATTENING)
"""States in which a further halt changes nothing."""


class HaltAsked(BaseModel):
    """What a halt shall do besides: nothing that adds risk goes out in any case."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    reason: str = Field(min_length=1, max_length=500, pattern=r"\S")
    cancel: bool = Field(default=False, strict=True, description="Cancel our working orders too.")
    flatten: bool = Field(
        default=False,
        strict=True,
        description="Close open positions too. A strategy's can't be told apart at the exchange.",
    )
    stop_exits: bool = Field(default=False, strict=True, description="End exits under way too.")


def halt_asked(text: str) -> HaltAsked:
    """What a body asks for. Raises Problem with each wrong field."""
    try:
        raw = strict_json.loads(text)
    except ValueError as error:
        wrong = in_body((), f"is no JSON: {error}")
        raise Problem(problems.BAD_MESSAGE, "the body is no JSON", [wrong]) from None
    try:
        return HaltAsked.model_validate(raw)
    except ValidationError as error:
        found = [in_body(each["loc"], each["msg"]) for each in error.errors(include_url=False)]
        told = "; ".join(f"{each.field}: {each.detail}" for each in found)
        raise Problem(problems.BAD_MESSAGE, told, found) from None


def order_of(asked: HaltAsked, scope: str, settings: Settings) -> HaltOrder:
    """The halt that is asked for. Raises Refused and CommandError."""
    return HaltOrder(
        scope_of(scope, settings),
        asked.reason,
        cancel=asked.cancel,
        flatten=asked.flatten,
        stop_exits=asked.stop_exits,
    )


def halted(desk: Desk, order: HaltOrder, bearer: Bearer, root: str) -> HaltJob:
    """Halts at once; the rest is followed in a thread.

    Raises Problem where Postgres can't be written, with the home's journal or without it. A
    Postgres that hangs delays the answer by a few seconds, and the halt goes on.
    """
    settings = desk.acting_settings
    release_when_full(settings.home)
    # A pooled connection to a Postgres that is frozen would never end; a new one does, and so does
    # the one that stands by.
    db = Database(settings.require_database_url())
    steps = HaltSteps(settings, db, desk.clock, order, bearer.note, desk.standby)
    job = desk.halts.begin(order, bearer.holder.name, steps, lambda _: None)
    if job.hold in (Hold.ASKED, Hold.HALTED):
        return job
    kind = problems.NOT_HALTED if job.hold is Hold.NOT_HALTED else problems.HALTED_BY_JOURNAL
    raise Problem(
        kind,
        job.known or job.failure or "Postgres can't be written",
        headers={"location": f"{root}/halts/{job.number}"},
    )


def halt_facts(job: HaltJob) -> dict[str, Any]:
    """A halt as an answer has it."""
    scope, report, flat = job.order.scope, job.report, job.flat
    is_global = scope.kind is ScopeKind.GLOBAL
    return {
        "number": job.number,
        "scope": scope.kind.value if is_global else str(scope),
        "reason": job.order.reason,
        "by": job.by,
        "asked_at": job.asked_at,
        "hold": job.hold,
        "known": job.known,
        "ended_at": job.ended_at,
        "is_proven": job.is_proven,
        "failure": job.failure,
        "report": None if report is None else asdict(report),
        "flat": None if flat is None else asdict(flat),
    }
