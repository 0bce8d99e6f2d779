"""The browser console over a database with a small true history."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.clock import SystemClock
from tests.support.operators import Person, add_person
from tests.support.scene import Scene
from tests.support.services import PostgresServer
from tests.support.web import Browser, Entered, TestClient, web_console


@pytest.fixture
def console(scene: Scene, postgres: PostgresServer, tmp_path: Path) -> Iterator[TestClient]:
    with web_console(postgres.logins(scene.database_url), tmp_path / "home") as client:
        yield client


@pytest.fixture
def browser(console: TestClient) -> Browser:
    return Browser(console)


@pytest.fixture
def ann(scene: Scene) -> Person:
    """A risk officer."""
    return add_person(scene.db, SystemClock(), "ann")


@pytest.fixture
def entered(console: TestClient) -> Entered:
    """A person's browser after the login."""

    def enter(person: Person) -> Browser:
        browser = Browser(console)
        assert browser.login(person).status_code == 303
        return browser

    return enter
