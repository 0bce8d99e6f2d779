"""Verbs are imported when they are used, and their sentences stand in one table as well."""

import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command

from console.cli import app

VERBS = get_command(app)
ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("name", list(VERBS.commands))  # type: ignore[attr-defined]
def test_the_sentence_of_the_list_is_the_verbs_own(name: str) -> None:
    verb = VERBS.commands[name]  # type: ignore[attr-defined]
    assert verb.name == name
    own = " ".join(str(verb.help).split("\n\n")[0].split())
    assert own == VERBS.verbs[name].sentence  # type: ignore[attr-defined]


def test_every_module_of_the_verbs_is_in_the_list() -> None:
    commands = ROOT / "console" / "commands"
    modules = {f"{path.parent.name}.{path.stem}" for path in commands.glob("*/[!_]*.py")}
    assert modules == {verb.module for verb in VERBS.verbs.values()}  # type: ignore[attr-defined]


def test_help_imports_no_verb() -> None:
    code = (
        "import sys; from console.cli import run; code = run(['--help']);"
        "print(sorted(m for m in sys.modules if m.startswith('console.commands.')), code)"
    )
    told = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    ).stdout
    assert told.splitlines()[-1] == "[] 0"
    assert "halt" in told


def test_a_verb_that_does_not_exist_is_named_with_a_near_one() -> None:
    told = subprocess.run(
        [sys.executable, "-m", "console", "haltt"], capture_output=True, text=True, cwd=ROOT
    )
    assert told.returncode == 2
    assert "halt" in told.stderr
    assert "Traceback" not in told.stderr
