"""The pages that only show: the watch with its events, and one request from message to fill."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import timedelta
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, PlainTextResponse, Response
from sqlalchemy.orm import Session
from sse_starlette import EventSourceResponse, ServerSentEvent

from bot.risk.codec import Unreadable
from console.views.explanation import stored_explanation
from console.views.request_facts import request_facts
from console.web import drawing, render
from console.web.desk import Desk
from console.web.door import Visit, desk_of, not_found, token_of
from console.web.patience import BoundedRoute

router = APIRouter(route_class=BoundedRoute)
alive = APIRouter()
"""What asks Postgres nothing."""
_AGAIN_MS = 2000
_PING_SECONDS = 15


@alive.get("/healthz")
async def healthz() -> PlainTextResponse:
    """That this process answers; it says nothing about trading."""
    return PlainTextResponse("alive\n")


@router.get("/", response_class=HTMLResponse)
async def watch(request: Request, visit: Visit) -> Response:
    """The page that people leave open."""
    desk = desk_of(request)
    frame = await desk.watch.newest()
    return desk.page(
        "watch.html",
        "Watch",
        visit,
        settings=frame.facts.settings,
        facts=frame.facts,
        panels=render.PANELS,
        event=render.event_of(frame.facts, frame.panels),
    )


@router.get("/events")
async def events(request: Request, visit: Visit) -> Response:
    """What changes, each second. It ends with the session."""
    del visit  # the dependency has proven it
    return EventSourceResponse(_told(request), ping=_PING_SECONDS)


async def _told(request: Request) -> AsyncGenerator[ServerSentEvent, None]:
    desk, token = desk_of(request), token_of(request)
    seen = -1
    async with aclosing(desk.watch.frames()) as frames:
        async for frame in frames:
            # An open page keeps its session from being idle.
            if desk.sessions.find(token) is None:
                yield ServerSentEvent("the session is over", event="over")
                return
            yield ServerSentEvent(frame.event(seen), event="frame", retry=_AGAIN_MS)
            seen = frame.number


@router.get("/requests/{request_id:path}", response_class=HTMLResponse)
def one_request(request: Request, visit: Visit, request_id: str) -> Response:
    """A request: decision, parent, children, attempts, fills, audit."""
    desk = desk_of(request)
    found = _facts_of(desk, request_id)
    if found is None:
        raise not_found(f"no request is called {request_id!r}")
    return desk.page("request.html", f"Request {request_id}", visit, **found)


def _facts_of(desk: Desk, request_id: str) -> dict[str, Any] | None:
    with desk.reading() as session:
        facts = request_facts(session, request_id)
        if facts is None:
            return None
        return {
            "facts": facts,
            "explained": _explained(session, request_id),
            "picture": _picture(facts),
            "slots": _slots(facts),
        }


def _explained(session: Session, request_id: str) -> dict[str, Any] | None:
    """The decision in words; None when another version of the gate wrote it."""
    try:
        found = stored_explanation(session, request_id)
    except Unreadable:
        return None
    return None if found is None else found["decision"]


def _picture(facts: dict[str, Any]) -> Any:
    parent = facts["parent"]
    if parent is None:
        return ""
    planned = [
        (child["planned_at"], child["qty"]) for child in facts["children"] if child["attempt"] == 0
    ]
    done = [(fill["executed_at"], fill["qty"]) for fill in facts["fills"]]
    begin = min([parent["start_at"], *(at for at, _ in (*planned, *done))])
    end = max([parent["finished_at"] or parent["deadline_at"], *(at for at, _ in done)])
    return drawing.planned_and_done(planned, done, begin, max(end, begin + timedelta(seconds=1)))


def _slots(facts: dict[str, Any]) -> list[dict[str, Any]]:
    """The children by slot: each with its attempts, each of these with its fills."""
    fills: dict[Any, list[Any]] = {}
    for fill in facts["fills"]:
        fills.setdefault(fill["child_id"], []).append(fill)
    slots: dict[int, list[Any]] = {}
    for child in facts["children"]:
        slots.setdefault(child["slot"], []).append(
            {"child": child, "fills": fills.get(child["child_id"], [])}
        )
    return [{"slot": slot, "attempts": attempts} for slot, attempts in slots.items()]
