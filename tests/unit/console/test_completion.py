"""A shell completes the commands: bash itself runs the script, and the others get their answers."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.repository import ROOT

BASH = shutil.which("bash")
COMPLETE = """
source <(mlrisk --show-completion bash)
complete -p mlrisk
for words in "$@"; do
    COMP_WORDS=($words) COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
    _mlrisk_completion mlrisk
    echo "${COMPREPLY[@]}"
done
"""
"""What bash does at a press of Tab: the function that the script has declared, with the words."""


@pytest.fixture
def program(tmp_path: Path) -> dict[str, str]:
    """An environment in which `mlrisk` is this code. No shell is guessed from the parent."""
    script = tmp_path / "bin" / "mlrisk"
    script.parent.mkdir()
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -m console "$@"\n')
    script.chmod(0o755)
    return {
        "PATH": f"{script.parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "HOME": str(tmp_path),
        "MLRISK_HOME": str(tmp_path),
        "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1",
    }


@pytest.mark.skipif(BASH is None, reason="needs bash")
def test_bash_completes_verbs_groups_and_options(program: dict[str, str]) -> None:
    asked = {"mlrisk h": "halt", "mlrisk schema re": "request", "mlrisk down --ho": "--home"}
    told = subprocess.run(
        [str(BASH), "--norc", "-c", COMPLETE, "bash", *asked],
        env=program,
        capture_output=True,
        text=True,
    )
    declared, *found = told.stdout.splitlines()
    assert declared.endswith("-F _mlrisk_completion mlrisk"), told.stdout + told.stderr
    assert found == [*asked.values()], told.stderr


@pytest.mark.parametrize(("shell", "answer"), [("zsh", "_arguments"), ("fish", "halt")])
def test_zsh_and_fish_get_their_answers_and_no_verb_is_imported(
    program: dict[str, str], shell: str, answer: str
) -> None:
    code = (
        "import sys\nfrom console.cli import run\nrun([])\n"
        "print(sorted(m for m in sys.modules if m.startswith('console.commands.')),"
        " file=sys.stderr)"
    )
    asked = {
        "_MLRISK_COMPLETE": f"complete_{shell}",
        "_TYPER_COMPLETE_ARGS": "mlrisk hal",
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
    }
    told = subprocess.run(
        [sys.executable, "-c", code], env=program | asked, capture_output=True, text=True
    )
    assert told.stdout.startswith(answer), told.stdout + told.stderr
    assert "halt" in told.stdout
    assert told.stderr.splitlines()[-1] == "[]"
