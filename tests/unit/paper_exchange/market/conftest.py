"""Finds the recorded markets that some tests read; they are no part of the project."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def recordings() -> Path:
    place = os.environ.get("MLRISK_RECORDINGS")
    if not place or not Path(place).is_dir():
        pytest.skip("MLRISK_RECORDINGS names no directory of recorded markets")
    return Path(place)
