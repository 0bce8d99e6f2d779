"""The way in and out: who asks, logins, one-time links, and the end of a session."""

from collections.abc import Callable
from functools import partial
from typing import Annotated

from anyio.to_thread import run_sync
from fastapi import APIRouter, Depends, Form, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from sqlalchemy.exc import DBAPIError
from starlette.concurrency import run_in_threadpool

from bot.authority.login import Credentials
from bot.errors import MlriskError, NotAuthorised
from console.web.desk import Desk, TooManyLogins
from console.web.patience import BoundedRoute
from console.web.people import Person, Right, of_operator, of_this_machine
from console.web.sessions import LONGEST, WebSession

router = APIRouter(route_class=BoundedRoute)
SEE_OTHER = 303
_LONGEST_FIELD = 1000
Text = Annotated[str, Form(max_length=_LONGEST_FIELD)]


def desk_of(request: Request) -> Desk:
    """The process's desk."""
    found: Desk = request.app.state.desk
    return found


def cookie_name(request: Request, *, door: bool = False) -> str:
    """Cookies of one host go to all its ports, so that each port has its own name.

    The form of a login has a cookie of its own. A link from elsewhere brings no cookie and leads to
    that form, and it must not put out a person who is logged in.
    """
    return f"mlrisk_{'door_' if door else ''}{request.url.port or 80}"


def token_of(request: Request) -> str | None:
    """The session's token that the browser sends."""
    return request.cookies.get(cookie_name(request))


def door_of(request: Request) -> tuple[str | None, WebSession | None]:
    """The session of a login's form, without a person."""
    token = request.cookies.get(cookie_name(request, door=True))
    return token, desk_of(request).sessions.find(token)


class NeedsLogin(MlriskError):
    """The request comes without a session of a person."""


class Forbidden(MlriskError):
    """The person's role lacks the right, or the form is not from this session's page."""


def session_of(request: Request) -> WebSession:
    """The session of a person. Raises NeedsLogin."""
    return _session_of(request, desk_of(request).is_still)


async def urgent_session_of(request: Request) -> WebSession:
    """As `session_of`, for what must not wait for a Postgres that hangs: a halt and its pages."""
    desk = desk_of(request)
    find = partial(_session_of, request, desk.is_still_as_far_as_known)
    return await run_sync(find, limiter=desk.halt_threads)


def _session_of(request: Request, is_still: Callable[[Person], bool]) -> WebSession:
    desk = desk_of(request)
    session = desk.sessions.find(token_of(request))
    if session is None or session.person is None:
        raise NeedsLogin
    if not is_still(session.person):
        desk.sessions.close_all_of(session.person.name)
        raise NeedsLogin
    return session


def person_of(session: WebSession) -> Person:
    """The person of a session that has one. Raises NeedsLogin."""
    if session.person is None:
        raise NeedsLogin
    return session.person


Visit = Annotated[WebSession, Depends(session_of)]
UrgentVisit = Annotated[WebSession, Depends(urgent_session_of)]


def require(session: WebSession, right: Right, csrf: str) -> Person:
    """The person, if the role has the right and the form is a page's of this session. Raises
    Forbidden."""
    if not session.knows(csrf):
        raise Forbidden("this form is older than your login: go back, reload the page, try again")
    return allowed(session, right)


def allowed(session: WebSession, right: Right) -> Person:
    """The person, if the role has the right. Raises Forbidden."""
    person = person_of(session)
    if not person.may(right):
        raise Forbidden(f"{person.name} is a {person.role}, whose role does not allow this")
    return person


@router.get("/login", response_class=HTMLResponse)
def login_page(request: Request) -> Response:
    """The form of a login."""
    return _door(request, 200, None)


@router.post("/login")
async def login(request: Request, csrf: Text, name: Text, passphrase: Text, code: Text) -> Response:
    """Logs an operator in."""
    desk = desk_of(request)
    _, door = door_of(request)
    if door is None or not door.knows(csrf):
        return _door(request, 403, "the form was open for too long: try again")
    try:
        operator = await run_in_threadpool(desk.login, Credentials(name, passphrase, code))
    except NotAuthorised as refusal:
        status = 429 if isinstance(refusal, TooManyLogins) else 401
        return _door(request, status, refusal.message)
    except DBAPIError:
        return _door(request, 503, "the database can't be reached, so that nobody can log in")
    return _entered(request, of_operator(operator))


@router.get("/enter", response_class=HTMLResponse)
def enter_page(request: Request, token: str = "") -> Response:
    """Asks before a one-time link is used up, because programs look at links as well."""
    return _door(request, 200, None, link=token[:_LONGEST_FIELD])


@router.post("/enter")
def enter(request: Request, csrf: Text, token: Text) -> Response:
    """Lets the user of this machine in, where acts need no login."""
    desk = desk_of(request)
    _, door = door_of(request)
    if door is None or not door.knows(csrf):
        return _door(request, 403, "the form was open for too long: open the link again")
    if not desk.links.take(token):
        return _door(request, 401, "the link is used or too old: `mlrisk web` prints a new one")
    if not desk.is_free():
        return _door(request, 403, "links are for development; here an operator has to log in")
    return _entered(request, of_this_machine())


@router.post("/logout")
def logout(request: Request, csrf: Text) -> Response:
    """Ends the session."""
    desk = desk_of(request)
    session = desk.sessions.find(token_of(request))
    if session is not None and session.knows(csrf):
        desk.sessions.close(token_of(request))
    answer = RedirectResponse("/login", SEE_OTHER)
    answer.delete_cookie(cookie_name(request))
    return answer


def _entered(request: Request, person: Person) -> Response:
    sessions, (before, _) = desk_of(request).sessions, door_of(request)
    sessions.close(token_of(request))
    token, _ = sessions.rotate(before, person)
    answer = RedirectResponse("/", SEE_OTHER)
    answer.delete_cookie(cookie_name(request, door=True))
    _set_cookie(request, answer, cookie_name(request), token)
    return answer


def _door(request: Request, status: int, problem: str | None, link: str | None = None) -> Response:
    """The login page, in a session without a person."""
    desk = desk_of(request)
    (_, session), token = door_of(request), None
    if session is None:
        token, session = desk.sessions.open()
    answer = desk.page("login.html", "Log in", session, status=status, problem=problem, link=link)
    if token is not None:
        _set_cookie(request, answer, cookie_name(request, door=True), token)
    return answer


def _set_cookie(request: Request, answer: Response, name: str, token: str) -> None:
    answer.set_cookie(
        name,
        token,
        max_age=int(LONGEST.total_seconds()),
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
        path="/",
    )


def not_found(what: str) -> HTTPException:
    """The answer to a question about something that is not there."""
    return HTTPException(404, what)
