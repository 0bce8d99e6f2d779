"""Pages, and calls of the REST interface, that answer although Postgres hangs.

A thread that waits for a Postgres that is frozen can't be called off. A page waits for its own work
only as long as Postgres answers others: after two seconds, and again and again, a new connection
asks it. When it does not answer, the page says so and leaves its work alone, which ends with the
answer or with the connection. The work that is left is bounded, and halts have threads of their own
(`Desk.halt_threads`, and those of the REST interface).
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request
from fastapi.responses import Response
from fastapi.routing import APIRoute
from sqlalchemy.exc import DBAPIError

from bot.errors import MlriskError
from console.web.bounded import within
from models.database import Database

FIRST_SECONDS = 2.0
"""The wait before Postgres is asked, and between two questions."""
ANSWER_SECONDS = 4.0
"""A Postgres that takes longer for a new connection and an empty statement hangs."""
MOST_AT_WORK = 24
"""Pages at work together. The server has forty threads."""
MOST_CALLS_AT_WORK = 240
"""Calls of the REST interface at work together. Some wait for a thread."""


class PostgresHangs(MlriskError):
    """Postgres takes connections, or seems to, and does not answer."""


class Patience:
    """How long the pages of one application wait."""

    def __init__(self, answers: Callable[[], bool], most_at_work: int = MOST_AT_WORK) -> None:
        """`answers` tells whether Postgres answers; it may take as long as it likes."""
        self._answers = answers
        self._most = most_at_work
        self._at_work: set[asyncio.Future[Response]] = set()

    async def wait_for(self, work: Coroutine[Any, Any, Response]) -> Response:
        """The page. Raises PostgresHangs when Postgres does not answer, and errors of `work`."""
        if len(self._at_work) >= self._most:
            work.close()
            raise PostgresHangs("too many wait for Postgres already")
        task = asyncio.ensure_future(work)
        self._at_work.add(task)
        task.add_done_callback(self._is_done)
        while True:
            # Not `wait_for`: a task that is called off here would be waited for without a bound.
            await asyncio.wait({task}, timeout=FIRST_SECONDS)
            if task.done():
                return task.result()
            if not await asyncio.to_thread(within, ANSWER_SECONDS, self._answers, False):
                if task.done():
                    return task.result()
                raise PostgresHangs("Postgres does not answer")

    def _is_done(self, task: asyncio.Future[Response]) -> None:
        self._at_work.discard(task)
        if not task.cancelled():
            task.exception()  # taken, so that no page that was left is told of as a defect


class BoundedRoute(APIRoute):
    """A route whose page is waited for with its application's patience."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's handler, bounded."""
        handle = super().get_route_handler()

        async def bounded(request: Request) -> Response:
            patience: Patience = request.app.state.patience
            return await patience.wait_for(handle(request))

        return bounded


def answers(database_url: str) -> bool:
    """Asks Postgres by a new connection: those of the pages may hang."""
    db = Database(database_url, pool_size=1)
    try:
        db.ping()
    except DBAPIError:
        return False
    finally:
        db.dispose()
    return True
