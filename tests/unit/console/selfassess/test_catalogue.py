"""The catalogue names tests, checks, commands, limits and files that exist, and is honest."""

import ast
import os
import subprocess
import sys
from functools import cache
from typing import Any

import pytest
import typer.main
from pydantic import ValidationError

from bot.risk.checks.registry import CHECKS
from config.sections import DECLARED
from console.cli import app
from console.selfassess.catalogue import (
    Basis,
    Control,
    Standing,
    catalogue,
    referenced_tests,
)
from tests.support.documents.command_line import commands
from tests.support.repository import ROOT, text_of

CONTROLS = [control for framework in catalogue() for control in framework.controls]


def test_every_test_that_is_named_exists() -> None:
    missing = [test for test in sorted(referenced_tests()) if not _exists(test)]
    assert missing == []


@pytest.mark.long
def test_every_test_that_is_named_is_collected_by_pytest() -> None:
    wanted = sorted(referenced_tests())
    told = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", *wanted],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert told.returncode == 0, told.stdout[-3000:] + told.stderr[-3000:]
    found = {line.partition("[")[0].partition("@")[0] for line in told.stdout.splitlines()}
    assert set(wanted) <= found


@pytest.mark.parametrize("control", CONTROLS, ids=lambda control: control.id)
def test_every_place_of_a_control_exists(control: Control) -> None:
    for kind, name in control.places():
        assert _IS_THERE[kind](name), f"{control.id}: {kind} {name}"


def test_the_texts_of_the_issue_have_their_rows() -> None:
    by_key = {framework.key: framework for framework in catalogue()}
    assert list(by_key) == ["rts6", "sec_15c3_5", "fia_2024", "esma_2026"]
    told = " ".join(control.reference for control in by_key["rts6"].controls)
    for article in (9, 10, 12, 15, 16, 17, 18):
        assert f"Article {article}(" in told


def test_a_text_that_is_not_at_hand_is_never_retold() -> None:
    titles = [control for control in CONTROLS if control.basis is Basis.TITLE]
    assert titles
    for control in titles:
        assert "not at hand" in control.asks
        assert control.standing is Standing.NOT_ASSESSED


RIGHT: dict[str, Any] = {
    "id": "x-1",
    "reference": "Article 1",
    "topic": "a control",
    "basis": Basis.READ.value,
    "asks": "Something.",
    "standing": Standing.MET.value,
    "answer": "It is done.",
    "enforced": ["check depth"],
    "tests": ["tests/unit/test_x.py::test_y"],
}


def test_a_control_says_all_that_its_standing_needs() -> None:
    assert Control.model_validate(RIGHT).standing is Standing.MET


@pytest.mark.parametrize(
    "wrong",
    [
        {"tests": []},
        {"enforced": []},
        {"answer": ""},
        {"missing": "half of it"},
        {"standing": "partly met"},
        {"standing": "not met", "missing": ""},
        {"basis": Basis.TITLE.value},
        {"enforced": ["somewhere"]},
        {"limits": ["gate.no_such_limit"]},
        {"tests": ["tests/unit/test_x.py"]},
        {"evidence": ["a rumour"]},
        {"proven": True},
    ],
    ids=str,
)
def test_a_control_that_says_too_little_or_too_much_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Control.model_validate(RIGHT | wrong)


def _exists(test: str) -> bool:
    path, _, name = test.partition("::")
    return (ROOT / path).is_file() and name in _tests_of(path)


@cache
def _tests_of(path: str) -> frozenset[str]:
    """The functions of a file, and the methods of its classes, as pytest names them."""
    kinds = ast.FunctionDef | ast.AsyncFunctionDef
    found = set()
    for node in ast.parse(text_of(path)).body:
        if isinstance(node, kinds):
            found.add(node.name)
        elif isinstance(node, ast.ClassDef):
            found |= {f"{node.name}::{each.name}" for each in node.body if isinstance(each, kinds)}
    return frozenset(found)


@cache
def _commands() -> frozenset[str]:
    return frozenset(name for name, _ in commands(typer.main.get_command(app)))


def _is_module(name: str) -> bool:
    place = ROOT / name.replace(".", "/")
    return place.with_suffix(".py").is_file() or (place / "__init__.py").is_file()


_IS_THERE = {
    "module": _is_module,
    "check": lambda name: name in {check.rule.name for check in CHECKS},
    "command": lambda name: name in _commands(),
    "limit": lambda name: name in DECLARED,
    "document": lambda name: (ROOT / name).is_file(),
}
