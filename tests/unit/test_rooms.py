"""Rules of style that hold in the rooms that touch money: the code's own syntax."""

import ast
import re
from collections.abc import Iterator, Sequence

import pytest

from tests.support.repository import ROOT

ROOMS = ("bot/account", "bot/exchange", "bot/safety", "bot/state", "tasks", "workers/feeds")
MOST_PARAMETERS = 6
Function = ast.FunctionDef | ast.AsyncFunctionDef
BUILDERS = {
    "bot/authority/actors.py record": "one audit entry",
    "bot/execution/policy/throttle.py conditions_of": "the conditions of a throttle",
    "bot/risk/block_rate.py block_rates": "the rates of a report",
    "bot/risk/checks/outcome.py capped": "the result of a check",
    "bot/risk/manager/inputs.py _market": "the notebook's market",
    "bot/risk/manager/inputs.py read": "the notebook's inputs",
    "bot/risk/manager/portfolio_risk.py calculate_position_size": "the original interface's own",
    "bot/risk/sizing.py fixed_risk_quantity": "a formula with the names of its literature",
}
"""Functions that may take more: each fills one record or has a signature that is given."""


def functions(rooms: Sequence[str] = ROOMS) -> Iterator[tuple[str, Function]]:
    for room in rooms:
        for path in sorted((ROOT / room).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, Function):
                    yield f"{path.relative_to(ROOT)}:{node.lineno} {node.name}", node


def parameters(node: Function) -> int:
    given = (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)
    return len([each for each in given if each.arg not in ("self", "cls")])


def test_no_assertion_narrows_a_type() -> None:
    """`python -O` leaves them out."""
    found = [
        name
        for name, node in functions(
            (*ROOMS, "bot/decision", "bot/execution", "models/repositories")
        )
        if any(isinstance(inner, ast.Assert) for inner in ast.walk(node))
    ]
    assert found == []


def test_no_function_has_many_parameters() -> None:
    many = {
        re.sub(r":\d+", "", name)
        for name, node in functions(("bot", "tasks", "workers/feeds"))
        if parameters(node) > MOST_PARAMETERS
    }
    assert many == BUILDERS.keys()


@pytest.mark.parametrize("room", ROOMS)
def test_the_rooms_are_there(room: str) -> None:
    assert (ROOT / room).is_dir()
