"""Rules of style that hold in the rooms that touch money: the code's own syntax."""

import ast
from collections.abc import Iterator

import pytest

from tests.support.repository import ROOT

ROOMS = ("bot/account", "bot/exchange", "bot/safety", "bot/state", "tasks", "workers/feeds")
MOST_PARAMETERS = 6


def functions() -> Iterator[tuple[str, ast.FunctionDef]]:
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.FunctionDef):
                    yield f"{path.relative_to(ROOT)}:{node.lineno} {node.name}", node


def parameters(node: ast.FunctionDef) -> int:
    given = (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)
    return len([each for each in given if each.arg not in ("self", "cls")])


def test_no_assertion_narrows_a_type() -> None:
    """`python -O` leaves them out."""
    found = [
        name
        for name, node in functions()
        if any(isinstance(inner, ast.Assert) for inner in ast.walk(node))
    ]
    assert found == []


def test_no_function_has_many_parameters() -> None:
    found = [name for name, node in functions() if parameters(node) > MOST_PARAMETERS]
    assert found == []


@pytest.mark.parametrize("room", ROOMS)
def test_the_rooms_are_there(room: str) -> None:
    assert (ROOT / room).is_dir()
