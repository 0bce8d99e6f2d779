"""The scene that most console tests look at."""

from collections.abc import Iterator

import pytest

from tests.unit.console.scene import Scene


@pytest.fixture
def scene(migrated_url: str) -> Iterator[Scene]:
    """A system that has traded nothing yet."""
    made = Scene(migrated_url)
    yield made
    made.close()
