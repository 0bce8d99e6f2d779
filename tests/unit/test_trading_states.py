"""A trading state changes in one place, which asks the table of moves: the code's own syntax."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.repository import ROOT

ROOMS = ("bot", "console", "models", "tasks", "workers")
THE_ROW = "models/repositories/safety/states.py"
"""Writes the row. Its `move` has one caller."""
THE_MOVE = "bot/state/trading_state.py"
MAKES_ROWS = {THE_ROW}
IN_MEMORY = "bot/risk/manager/manager.py"
"""The notebook's manager, whose state is its own."""


def modules() -> Iterator[tuple[str, ast.Module]]:
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            if "migrations" not in path.parts:
                yield path.relative_to(ROOT).as_posix(), ast.parse(path.read_text("utf-8"))


def offences(name: str, tree: ast.Module) -> Iterator[str]:
    """What would change a trading state past the table, by file and line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield from (f"{name}:{node.lineno} {what}" for what in _calls(name, node))
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            yield from (f"{name}:{node.lineno} assigns a state" for _ in _assigned(name, node))


def _calls(name: str, node: ast.Call) -> Iterator[str]:
    called = ast.unparse(node.func)
    first = ast.unparse(node.args[0]) if node.args else ""
    if called.endswith("states.move") and name != THE_MOVE:
        yield "moves a row by itself"
    if called.endswith("TradingStateRow") and name not in MAKES_ROWS:
        yield "makes a row"
    writes = called.split(".")[-1] in ("insert", "update", "delete")
    if writes and first == "TradingStateRow" and name not in MAKES_ROWS:
        yield "writes the table"


def _assigned(name: str, node: ast.Assign | ast.AnnAssign) -> Iterator[ast.expr]:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    flat = [
        part
        for target in targets
        for part in (target.elts if isinstance(target, ast.Tuple) else [target])
    ]
    says = node.value is not None and "TradingState." in ast.unparse(node.value)
    for target in flat:
        is_state = isinstance(target, ast.Attribute) and target.attr in ("state", "_state")
        if is_state and says and not _is_first(name, target, node):
            yield target


def _is_first(name: str, target: ast.expr, node: ast.Assign | ast.AnnAssign) -> bool:
    """The manager begins ACTIVE; every later state of its own comes out of the table."""
    begins = node.value is not None and ast.unparse(node.value) == "TradingState.ACTIVE"
    return name == IN_MEMORY and ast.unparse(target) == "self._state" and begins


def test_nothing_else_changes_a_trading_state() -> None:
    found = [each for name, tree in modules() for each in offences(name, tree)]
    assert found == []


def test_the_manager_names_a_state_of_its_own_once() -> None:
    text = (ROOT / IN_MEMORY).read_text("utf-8")
    named = [
        node
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Assign)
        and "TradingState." in ast.unparse(node.value)
        and any(isinstance(t, ast.Attribute) for t in node.targets)
    ]
    assert len(named) == 1


@pytest.mark.parametrize(
    "line",
    [
        "states.move(row, TradingState.ACTIVE, reason='', actor='', now=now)",
        "row.state = TradingState.HALTED",
        "self._state, self._why = TradingState.ACTIVE, 'x'",
        "session.add(TradingStateRow(scope_kind='global'))",
        "session.execute(update(TradingStateRow).values(state='active'))",
    ],
)
def test_the_check_bites(line: str) -> None:
    assert list(offences("bot/safety/new.py", ast.parse(line)))


def test_the_rooms_are_where_they_are_looked_for() -> None:
    assert all((ROOT / name).is_file() for name in (THE_ROW, THE_MOVE, IN_MEMORY))
    assert isinstance(ROOT, Path)
