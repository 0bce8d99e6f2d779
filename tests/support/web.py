"""The browser console over a scene's database, and a browser without scripts that uses it."""

import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from httpx import Response
from pydantic import SecretStr

from bot.clock import SystemClock
from config.settings import Settings
from console.web.app import make_app
from console.web.desk import Desk
from console.web.reading import Reader
from console.web.watch import Watch
from models.roles import DatabaseLogins
from tests.support.operators import Person
from workers.home import Home
from workers.supervision.ports import free_port

with warnings.catch_warnings():
    # It would like httpx's successor, which is no package of ours yet.
    warnings.simplefilter("ignore")
    from fastapi.testclient import TestClient as TestClient

ADDRESS = "http://127.0.0.1:8098"


class Browser:
    """One person's browser. It follows no redirect and runs no script."""

    def __init__(self, client: TestClient) -> None:
        self._client = client
        self._cookies: dict[str, str] = {}

    def get(self, path: str, **headers: str) -> Response:
        return self._kept(self._client.get(path, headers=self._headers(headers)))

    def post(self, path: str, *, origin: str | None = ADDRESS, **fields: Any) -> Response:
        """A form of a page of ours, unless it says another origin."""
        said = {} if origin is None else {"origin": origin}
        return self._kept(self._client.post(path, data=fields, headers=self._headers(said)))

    def csrf(self, page: str) -> str:
        """The token that stands in a page's forms."""
        found = re.search(r'name="csrf" value="([^"]+)"', self.get(page).text)
        assert found, page
        return found[1]

    def login(self, person: Person, **given: str) -> Response:
        said = {"passphrase": person.passphrase, "code": person.fresh_code()} | given
        return self.post("/login", csrf=self.csrf("/login"), name=person.name, **said)

    @property
    def token(self) -> str | None:
        """The session's token of a person who is logged in."""
        tokens = (value for name, value in self._cookies.items() if "door" not in name)
        return next(tokens, None)

    @property
    def door(self) -> str | None:
        """The token of the form of a login."""
        return next((value for name, value in self._cookies.items() if "door" in name), None)

    def _headers(self, more: dict[str, str]) -> dict[str, str]:
        cookies = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        return more | ({"cookie": cookies} if cookies else {})

    def _kept(self, answer: Response) -> Response:
        self._cookies |= dict(answer.cookies)
        self._client.cookies.clear()
        return answer


Entered = Callable[[Person], Browser]
"""Logs a person in; returns the person's browser."""


@contextmanager
def web_console(logins: DatabaseLogins, home: Path) -> Iterator[TestClient]:
    """The application with the roles that it has in a running system."""
    place = Home(home)
    place.create()
    settings = Settings(
        database_url=SecretStr(logins.of_viewer),
        operator_database_url=SecretStr(logins.operator),
        redis_url=None,
        exchange_url=f"http://127.0.0.1:{free_port()}",
        home=home,
    )
    reader = Reader(settings, {})
    try:
        app = make_app(Desk(settings, SystemClock(), Watch(reader.read)))
        with TestClient(app, base_url=ADDRESS, follow_redirects=False) as client:
            yield client
    finally:
        reader.close()
