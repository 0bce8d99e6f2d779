"""A home of its own."""

from pathlib import Path

import pytest

from workers.home import Home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.create()
    return home
