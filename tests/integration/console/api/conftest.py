"""The REST interface over a database with a small true history."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.api import Program, new_token
from tests.support.scene import Scene
from tests.support.services import PostgresServer
from tests.support.web import TestClient, web_console


@pytest.fixture
def console(scene: Scene, postgres: PostgresServer, tmp_path: Path) -> Iterator[TestClient]:
    with web_console(postgres.logins(scene.database_url), tmp_path / "home") as client:
        yield client


@pytest.fixture
def momentum(console: TestClient, scene: Scene) -> Program:
    """A strategy."""
    return Program(console, new_token(scene.db, "strategy", "momentum").token)


@pytest.fixture
def ops(console: TestClient, scene: Scene) -> Program:
    """An operator's program, in development."""
    return Program(console, new_token(scene.db, "operator", "ops").token)
