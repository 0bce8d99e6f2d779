"""The table of security controls names tests that exist."""

import ast
import re

from tests.support.repository import ROOT, text_of

TABLE = "docs/security-verification.md"


def test_every_test_that_the_table_names_exists() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", text_of(TABLE))
    assert len(named) > 40
    missing = [f"{path}::{name}" for path, name in named if name not in _tests_of(path)]
    assert missing == []


def test_every_row_has_a_requirement_and_a_test() -> None:
    rows = re.findall(r"^\| (\d.*?) \| (.*?) \| (.*?) \|$", text_of(TABLE), re.MULTILINE)
    assert len(rows) > 30
    for numbers, answer, tests in rows:
        assert re.fullmatch(r"\d+\.\d+\.\d+(, \d+\.\d+\.\d+)*", numbers), numbers
        assert answer.endswith("."), numbers
        assert "::test_" in tests, numbers


def _tests_of(path: str) -> set[str]:
    if not (ROOT / path).exists():
        return set()
    return {
        node.name
        for node in ast.walk(ast.parse(text_of(path)))
        if isinstance(node, ast.FunctionDef)
    }
