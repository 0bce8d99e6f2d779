"""The application: its routes, its guard, and what it answers when something is wrong."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import python_multipart  # noqa: F401 - FastAPI reads forms by it
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles

from bot.errors import MlriskError
from console.api import problems
from console.api.app import make_api, running
from console.api.openapi import PREFIX
from console.api.problems import Problem
from console.errors import CommandError
from console.web import acts, alerts, door, pages
from console.web.desk import Desk
from console.web.door import SEE_OTHER, Forbidden, NeedsLogin, desk_of, token_of
from console.web.guard import Guard, is_for_programs
from console.web.patience import Patience, PostgresHangs

log = logging.getLogger(__name__)
_STATIC = Path(__file__).parent / "static"


def make_app(desk: Desk) -> FastAPI:
    """The application over a desk: the pages, and the REST interface beside them."""
    api = make_api(desk)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        reader = asyncio.create_task(desk.watch.run())
        try:
            async with running(api):
                yield
        finally:
            reader.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await reader
            desk.close()

    # No generated documentation: it would load scripts from elsewhere.
    app = FastAPI(lifespan=lifespan, openapi_url=None, docs_url=None, redoc_url=None)
    app.state.desk = desk
    app.state.patience = Patience(desk.postgres_answers)
    routers = (pages.alive, acts.urgent, door.router, pages.router, acts.router, alerts.router)
    for router in routers:
        app.include_router(router)
    app.mount(PREFIX, api)
    app.mount("/static", StaticFiles(directory=_STATIC))
    _answer_errors(app)
    app.add_middleware(Guard)
    return app


def _answer_errors(app: FastAPI) -> None:
    # None takes a thread: those may all wait for a Postgres that hangs.
    @app.exception_handler(NeedsLogin)
    async def needs_login(request: Request, _: NeedsLogin) -> Response:
        if request.url.path == "/events":
            return Response(status_code=401)
        return RedirectResponse("/login", SEE_OTHER)

    @app.exception_handler(Forbidden)
    async def forbidden(request: Request, error: Forbidden) -> Response:
        return told(request, 403, "Not allowed", str(error))

    @app.exception_handler(HTTPException)
    async def http_error(request: Request, error: HTTPException) -> Response:
        if is_for_programs(request.url.path):
            # Such as a path with a line break, which no mounted application gets.
            return Problem(problems.NOT_FOUND, f"{request.method} leads nowhere").answer()
        title = "Not found" if error.status_code == 404 else "Not done"
        return told(request, error.status_code, title, str(error.detail))

    @app.exception_handler(RequestValidationError)
    async def bad_form(request: Request, _: RequestValidationError) -> Response:
        return told(request, 422, "Not understood", "a field of the form is missing or too long")

    @app.exception_handler(PostgresHangs)
    async def hangs(request: Request, error: PostgresHangs) -> Response:
        log.warning(
            "a page is not waited for: %s",
            error,
            extra={"event": "web_page_without_database"},
        )
        if request.method == "GET":
            more = "The button that halts trading works all the same."
        else:
            more = "Whether your act counts is not known: look at the audit before you repeat it."
        return told(request, 503, "No answer", f"{error}. {more}")

    @app.exception_handler(MlriskError)
    async def refused(request: Request, error: MlriskError) -> Response:
        words = error.message if isinstance(error, CommandError) else str(error)
        return told(request, 409, "Refused", words)

    @app.exception_handler(DBAPIError)
    @app.exception_handler(PoolTimeout)
    async def away(request: Request, error: DBAPIError | PoolTimeout) -> Response:
        log.warning(
            "a page can't be made: %s",
            type(getattr(error, "orig", error)).__name__,
            extra={"event": "web_page_without_database"},
        )
        return told(request, 503, "No database", "Postgres can't be reached")


def told(request: Request, status: int, title: str, message: str) -> Response:
    """A page that says what is wrong."""
    desk = desk_of(request)
    session = desk.sessions.find(token_of(request))
    return desk.page(
        "message.html",
        title,
        session,
        status=status,
        message=message,
        back="/",
        back_words="Back to the watch",
    )
