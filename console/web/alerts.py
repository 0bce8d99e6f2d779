"""The alerts of the page, and their acknowledgement."""

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from sqlalchemy import or_
from sqlalchemy.orm import Session

from bot.errors import NotAuthorised, Refused
from bot.safety.alerts.acknowledging import Acknowledgement
from console.views.live import alert_facts
from console.web.desk import Desk
from console.web.door import SEE_OTHER, Visit, desk_of, not_found, require
from console.web.facts import AlertFacts
from console.web.patience import BoundedRoute
from console.web.people import Right
from console.web.sessions import WebSession
from models.enums import AlertLevel, AlertState
from models.tables import AlertRow

router = APIRouter(route_class=BoundedRoute)

WINDOW = timedelta(hours=24)
SHOWN = 15
_REFUSED, _NOT_AUTHORISED = 409, 403


def newest_alerts(session: Session, now: datetime) -> tuple[AlertFacts, ...]:
    """At most `SHOWN` alerts above information. Cleared ones are of the last day."""
    rows = alert_facts.alerts(
        session,
        AlertRow.level != AlertLevel.INFO,
        or_(AlertRow.state != AlertState.CLEARED, AlertRow.last_seen > now - WINDOW),
        limit=SHOWN,
    )
    return tuple(
        AlertFacts(
            alert_id=row.alert_id,
            at=row.last_seen,
            level=row.level,
            state=row.state,
            text=row.text,
            count=row.count,
            acknowledged_by=row.acknowledged_by,
        )
        for row in rows
    )


@router.get("/alerts/{alert_id}", response_class=HTMLResponse)
def one_alert(request: Request, visit: Visit, alert_id: int) -> Response:
    """An alert with its deliveries, and the form that acknowledges it."""
    return _page(desk_of(request), visit, alert_id)


@router.post("/alerts/{alert_id}/acknowledge")
def acknowledge(
    request: Request,
    visit: Visit,
    alert_id: int,
    csrf: Annotated[str, Form(max_length=200)],
    reason: Annotated[str, Form(min_length=1, max_length=500)],
) -> Response:
    """Acknowledges an alert: it is repeated no more and escalates no further."""
    person, desk = require(visit, Right.HALT, csrf), desk_of(request)
    try:
        Acknowledgement(desk.db, desk.clock).acknowledge(
            alert_id, reason=reason, actor=person.actor
        )
    except Refused as refusal:
        return _page(desk, visit, alert_id, refusal.message, _REFUSED)
    except NotAuthorised as refusal:
        return _page(desk, visit, alert_id, refusal.message, _NOT_AUTHORISED)
    return RedirectResponse("/", SEE_OTHER)


def _page(
    desk: Desk, visit: WebSession, alert_id: int, problem: str | None = None, status: int = 200
) -> Response:
    with desk.reading() as session:
        row = session.get(AlertRow, alert_id)
        if row is None:
            raise not_found(f"no alert {alert_id} is known")
        facts = alert_facts.facts_of(
            row, alert_facts.deliveries(session, [alert_id]).get(alert_id, [])
        )
    return desk.page(
        "alert.html", f"Alert {alert_id}", visit, status=status, alert=facts, problem=problem
    )
