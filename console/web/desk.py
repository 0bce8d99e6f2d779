"""What the routes share: settings, sessions, the reader of the pages, and the ways to act."""

import threading
from collections import deque
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from anyio import CapacityLimiter
from fastapi.responses import HTMLResponse
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from bot.authority.actors import Operator, caller
from bot.authority.login import Credentials, Login
from bot.clock import Clock
from bot.errors import NotAuthorised
from bot.state import binding
from config.settings import Settings
from console.context import reading_engine
from console.runtime.halts.standby import HaltStandby
from console.runtime.web_link import KEY, Links
from console.views.watermark import watermark
from console.web import render
from console.web.bounded import within
from console.web.halts import Halts
from console.web.patience import answers
from console.web.people import Person
from console.web.sessions import Sessions, WebSession
from console.web.watch import Watch
from models.database import Database
from models.repositories import operators
from workers.home import Home

LOGINS_A_MINUTE = 20
"""Attempts of all persons together. Each costs the work of a passphrase."""
HALT_THREADS = 8
STILL_SECONDS = 2.0
"""A halt waits no longer for the proof that a session's operator is still one."""
_MINUTE = timedelta(minutes=1)


class TooManyLogins(NotAuthorised):
    """More attempts to log in than this process works on."""


@dataclass
class Desk:
    """One per process."""

    settings: Settings
    """With the database role that reads alone."""
    clock: Clock
    watch: Watch

    def __post_init__(self) -> None:
        self.sessions = Sessions(self.clock)
        self.links = Links(lambda: _link_secret(self.settings.home), self.clock)
        self.halts = Halts(self.clock)
        self.halt_threads = CapacityLimiter(HALT_THREADS)
        """Threads of halts alone: the others may all wait for a Postgres that hangs."""
        self.standby: HaltStandby | None = None
        """The connection that stands by for halts; the process of the console has one."""
        self._attempts: deque[Any] = deque()
        self._one_login = threading.Lock()

    def postgres_answers(self) -> bool:
        """Whether Postgres answers a new connection. It may take long."""
        return answers(self.settings.require_database_url())

    @cached_property
    def acting_settings(self) -> Settings:
        """With the operator's role, as the commands have it."""
        own = self.settings.operator_database_url
        if own is None:
            return self.settings
        return self.settings.model_copy(update={"database_url": own})

    @cached_property
    def db(self) -> Database:
        """The database for acts and logins."""
        return Database(self.acting_settings.require_database_url())

    @cached_property
    def look(self) -> Engine:
        """Read-only transactions of the pages."""
        return reading_engine(self.settings.require_database_url())

    def stand_by(self) -> None:
        """Keeps a connection open for halts until `close`."""
        self.standby = HaltStandby(self.acting_settings.require_database_url(), self.clock)
        self.standby.start()

    def close(self) -> None:
        """Closes the connections."""
        if self.standby is not None:
            self.standby.close()
        for name in ("db", "look"):
            if name in self.__dict__:
                self.__dict__[name].dispose()

    def reading(self) -> Session:
        """A session on one read-only snapshot."""
        return Session(self.look)

    def settled(self) -> Settings:
        """The settings to act by, completed from the database. Raises WrongIdentity."""
        return binding.settled(self.db, self.acting_settings)

    def is_free(self) -> bool:
        """Whether acts need no login here, as the database says it."""
        with self.db.reading() as session:
            return binding.is_free(session, self.acting_settings)

    def login(self, given: Credentials) -> Operator:
        """The operator. One attempt at a time; raises NotAuthorised."""
        with self._one_login:
            now = self.clock.now()
            while self._attempts and now - self._attempts[0] > _MINUTE:
                self._attempts.popleft()
            if len(self._attempts) >= LOGINS_A_MINUTE:
                raise TooManyLogins("too many logins were tried: wait a minute", code="too_many")
            self._attempts.append(now)
            return Login(self.db, self.clock, note=caller("web"))(given)

    def is_still(self, person: Person) -> bool:
        """Whether an operator has the account, the role and the key of the login. While Postgres is
        away nobody can say, and the session goes on."""
        operator = person.operator
        if operator is None:
            return True
        try:
            with self.db.reading() as session:
                row = operators.named(session, operator.name)
        except DBAPIError:
            return True
        key = operator.key.public_key().public_bytes_raw().hex()
        return (
            row is not None
            and row.disabled_at is None
            and (row.role, row.public_key) == (operator.role, key)
        )

    def is_still_as_far_as_known(self, person: Person) -> bool:
        """As `is_still`. A Postgres that doesn't answer soon counts as away."""
        return within(STILL_SECONDS, lambda: self.is_still(person), otherwise=True)

    def page(
        self,
        template: str,
        title: str,
        visit: WebSession | None,
        *,
        status: int = 200,
        settings: Settings | None = None,
        **values: Any,
    ) -> HTMLResponse:
        """A whole page for a session, with its watermark. `settings` are the database's, where they
        were read."""
        html = render.page(
            template,
            title=title,
            person=None if visit is None else visit.person,
            csrf="" if visit is None else visit.csrf,
            mark=watermark(settings or self.settings),
            **values,
        )
        return HTMLResponse(html, status)


def _link_secret(home: Path) -> str | None:
    """The home's secret for links; None where `mlrisk up` has made none."""
    place = Home(home)
    return place.secret(KEY) if (place.secrets / KEY).exists() else None
