"""The REST interface as an application of its own, which the console's process mounts."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException

from bot.authority.tokens import Tokens
from bot.state import binding
from config.errors import MlriskError
from console.api import limits, problems, requests, states
from console.api.bearers import Bearers, require_plain_address
from console.api.intake import Intake
from console.api.openapi import described
from console.api.problems import Kind, Problem, in_body, outside_of_body
from console.web.desk import Desk
from console.web.patience import MOST_CALLS_AT_WORK, Patience, PostgresHangs

log = logging.getLogger(__name__)

ROUTERS = (requests.router, states.router, states.urgent, limits.router)
HALT_THREADS = 8
REMEMBER_SECONDS = 10.0
"""How often the tokens that may halt are read again."""
_KINDS = {404: problems.NOT_FOUND, 405: problems.NO_SUCH_METHOD}


def make_api(desk: Desk) -> FastAPI:
    """The interface over a desk. `running` has to surround its life."""
    api = FastAPI(
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        dependencies=[Depends(require_plain_address)],
    )
    tokens = Tokens(desk.db, desk.clock, is_guarded=binding.is_guarded)
    api.state.desk = desk
    api.state.bearers = Bearers(tokens, desk.clock)
    api.state.intake = Intake(desk)
    api.state.patience = Patience(desk.postgres_answers, MOST_CALLS_AT_WORK)
    api.state.halt_threads = CapacityLimiter(HALT_THREADS)
    for router in ROUTERS:
        api.include_router(router)

    @api.get("/openapi.json", include_in_schema=False)
    async def openapi() -> Response:
        """This interface, described. It asks for no token."""
        return JSONResponse(described(api.routes))

    _answer_errors(api)
    return api


@asynccontextmanager
async def running(api: FastAPI) -> AsyncIterator[None]:
    """Keeps the tokens that may halt in memory, for a moment at which Postgres is away."""
    bearers: Bearers = api.state.bearers

    async def remember() -> None:
        while True:
            await run_sync(bearers.remember)
            await asyncio.sleep(REMEMBER_SECONDS)

    task = asyncio.create_task(remember())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def _answer_errors(api: FastAPI) -> None:
    # None takes a thread: those may all wait for a Postgres that hangs.
    @api.exception_handler(Problem)
    async def problem(_: Request, error: Problem) -> Response:
        return error.answer()

    @api.exception_handler(RequestValidationError)
    async def bad_part(_: Request, error: RequestValidationError) -> Response:
        return _of_validation(error).answer()

    @api.exception_handler(HTTPException)
    async def http_error(request: Request, error: HTTPException) -> Response:
        kind = _KINDS.get(error.status_code)
        if kind is None:
            kind = Kind("http-error", error.status_code, "Not done")
        detail = f"{request.method} {request.url.path}: {error.detail}"
        return Problem(kind, detail, headers=error.headers).answer()

    @api.exception_handler(MlriskError)
    async def refused(_: Request, error: MlriskError) -> Response:
        return Problem(problems.REFUSED, error.message or str(error)).answer()

    @api.exception_handler(InterfaceError)
    @api.exception_handler(OperationalError)
    async def away(_: Request, error: DBAPIError) -> Response:
        log.warning(
            "a call of the REST interface has no database: %s",
            type(error.orig).__name__,
            extra={"event": "api_without_database"},
        )
        return _unavailable()

    @api.exception_handler(PoolTimeout)
    async def crowded(_: Request, __: PoolTimeout) -> Response:
        return _unavailable()

    @api.exception_handler(PostgresHangs)
    async def hangs(_: Request, error: PostgresHangs) -> Response:
        log.warning(
            "a call of the REST interface is not waited for: %s",
            error,
            extra={"event": "api_without_database"},
        )
        return _unavailable(str(error))

    @api.exception_handler(Exception)
    async def defect(_: Request, error: Exception) -> Response:
        log.exception(
            "a call of the REST interface failed",
            exc_info=error,
            extra={"event": "api_call_failed"},
        )
        return Problem(problems.DEFECT, "see the log of the process `web`").answer()


def _unavailable(why: str = "Postgres can't be reached") -> Response:
    detail = f"{why}; what was asked may be sent again"
    return Problem(problems.UNAVAILABLE, detail, headers={"retry-after": "5"}).answer()


def _of_validation(error: RequestValidationError) -> Problem:
    found = []
    for each in error.errors():
        where, *path = each["loc"]
        if where == "body":
            found.append(in_body(path, each["msg"]))
        else:
            found.append(outside_of_body(f"{where} {'.'.join(map(str, path))}", each["msg"]))
    told = "; ".join(f"{each.field}: {each.detail}" for each in found)
    return Problem(problems.BAD_MESSAGE, told, found)
