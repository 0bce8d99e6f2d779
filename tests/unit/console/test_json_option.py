"""Every command that shows facts prints them as JSON too; the others are named with the reason."""

import pytest
from typer.main import get_command

from console.cli import app
from tests.support.documents.command_line import commands

WITHOUT: dict[str, str] = {
    "up": "it stays in the foreground and tells its progress; `mlrisk status --json` has the facts",
    "down": "it only acts; `mlrisk status --json` has the facts",
    "screen": "it is a live picture; `mlrisk status --json` has the facts",
    "migrate": "it only acts, and its exit status tells the end",
    "paper-exchange": "it is a server",
    "schema request": "what it prints is JSON already",
    "strategy add": "it only acts; `mlrisk strategy list --json` has the facts",
    "strategy remove": "it only acts; `mlrisk strategy list --json` has the facts",
    "strategy acl": "what it prints is a command for Redis",
    "strategy key": "what it prints is one secret, for a file",
}
ALL = dict(commands(get_command(app)))


@pytest.mark.parametrize("name", sorted(ALL))
def test_a_command_prints_json_or_says_why_not(name: str) -> None:
    options = {word for parameter in ALL[name].params for word in parameter.opts}
    assert ("--json" in options) != (name in WITHOUT), f"mlrisk {name}"


def test_no_reason_is_given_for_a_command_that_is_gone() -> None:
    assert set(WITHOUT) <= set(ALL)
    assert all(WITHOUT.values())
