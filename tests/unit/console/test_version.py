"""One line for bug reports: program, Python and schema."""

import platform
from importlib.metadata import PackageNotFoundError

import pytest

from console import version
from models.migrate import head


def test_the_line_names_program_python_and_schema() -> None:
    line = version.version_line()
    assert line.startswith("mlrisk ")
    assert f"Python {platform.python_version()}" in line
    assert line.endswith(f"schema {head()}")


def test_a_plain_checkout_has_no_version_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(version, "version", missing)
    assert version.program_version() == "0 (not installed)"
