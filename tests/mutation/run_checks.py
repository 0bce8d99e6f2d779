"""Deletes every check of the gate in turn and shows that a test fails each time.

    python tests/mutation/run_checks.py            each row of the registry, well under a minute
    python tests/mutation/run_checks.py --source   also each comparison, sign and constant of the
                                                   modules that decide (minutes)

Each mutant lives in a forked child, so that nothing of it is left behind.
"""

import argparse
import ast
import importlib
import importlib.abc
import importlib.util
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
UNIT = ROOT / "tests" / "unit" / "bot" / "risk"
# The quickest killers first; a mutant stops at its first failing test.
TESTS = [
    "test_selftest.py::test_every_limit_bites_in_every_environment_and_mode",
    "test_gate.py",
    "test_order_scenarios.py",
    "test_selftest.py",
    "test_factors.py",
    "checks",
    "test_gate_properties.py::test_losing_or_spoiling_an_input_never_turns_a_denial_into_an_approval",
]
SOURCES = [
    "bot/risk/checks/agreement.py",
    "bot/risk/checks/execution.py",
    "bot/risk/checks/exposures.py",
    "bot/risk/checks/instrument.py",
    "bot/risk/checks/losses.py",
    "bot/risk/checks/market.py",
    "bot/risk/checks/model.py",
    "bot/risk/checks/outcome.py",
    "bot/risk/checks/state.py",
    "bot/risk/checks/trade_risk.py",
    "bot/risk/correlation.py",
    "bot/risk/exposure.py",
    "bot/risk/factors.py",
    "bot/risk/gate.py",
]


_BROKEN = 3


def in_child(prepare: Callable[[], None], tests: list[str]) -> bool:
    """Whether a test fails in a fork that was prepared so."""
    child = os.fork()
    if child == 0:
        code = _BROKEN
        try:
            silence = os.open(os.devnull, os.O_WRONLY)
            os.dup2(silence, 1)
            os.dup2(silence, 2)
            prepare()
            code = _run_tests(tests)
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    if code not in (0, 1):
        raise SystemExit(f"a child ended with {code}: the run itself is broken")
    return code == 1


def _run_tests(tests: list[str]) -> int:
    import pytest

    # Without the project's conftest and plugins: a mutant needs none, and each start counts.
    arguments = ["-x", "-q", "--no-header", "-c", os.devnull, "--rootdir", str(ROOT)]
    arguments += ["--noconftest", "--import-mode=importlib"]
    for plugin in ("cacheprovider", "xdist", "asyncio", "hypothesispytest", "timeout"):
        arguments += ["-p", f"no:{plugin}"]
    names = [str(UNIT / test) for test in tests if (UNIT / test.split("::")[0]).exists()]
    return 1 if int(pytest.main([*arguments, *names])) != 0 else 0


def delete_row(name: str) -> None:
    """Takes a check out of the registry, wherever the registry was read to."""
    from bot.risk import gate, selftest
    from bot.risk.checks import registry

    rows = tuple(row for row in registry.CHECKS if row.rule.name != name)
    registry.CHECKS = rows  # type: ignore[misc]
    for module in (gate, selftest):
        module.CHECKS = rows  # type: ignore[attr-defined]
    gate.evaluate.__defaults__ = (rows,)
    selftest.self_test.__defaults__ = (rows,)


def run_rows() -> list[str]:
    """Names of the checks that can be deleted without a test noticing."""
    from bot.risk.checks.registry import CHECKS

    survivors = []
    if in_child(lambda: None, TESTS[:3]):
        raise SystemExit("the tests fail without any mutant")
    for row in CHECKS:
        name = row.rule.name

        def mutate(name: str = name) -> None:
            delete_row(name)

        # One quick test notices nearly all; the others are asked when it does not.
        if not any(in_child(mutate, tests) for tests in (TESTS[:1], TESTS[1:3])):
            survivors.append(name)
            print(f"SURVIVED  {name}")
    print(f"{len(CHECKS) - len(survivors)} of {len(CHECKS)} deleted checks were noticed")
    return survivors


_COMPARE: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
_ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
}


class Mutator(ast.NodeTransformer):
    """Changes the n-th place that can be changed; counts them all."""

    def __init__(self, wanted: int) -> None:
        self.wanted, self.seen, self.what = wanted, -1, ""

    def _hit(self, node: ast.AST, what: str) -> bool:
        self.seen += 1
        if self.seen != self.wanted:
            return False
        self.what = f"line {getattr(node, 'lineno', '?')}: {what}"
        return True

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        for i, op in enumerate(node.ops):
            other = _COMPARE[type(op)]
            if self._hit(node, f"{type(op).__name__} to {other.__name__}"):
                node.ops[i] = other()
        return self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        other = _ARITHMETIC.get(type(node.op))
        if other is not None and self._hit(node, f"{type(node.op).__name__} to {other.__name__}"):
            node.op = other()
        return self.generic_visit(node)

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.AST:
        other = ast.And if isinstance(node.op, ast.Or) else ast.Or
        if self._hit(node, f"{type(node.op).__name__} to {other.__name__}"):
            node.op = other()
        return self.generic_visit(node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:
        if isinstance(node.op, ast.Not) and self._hit(node, "not taken away"):
            return self.generic_visit(node.operand)
        return self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        swaps = {"min": "max", "max": "min", "failed": "passed"}
        if isinstance(node.func, ast.Name) and node.func.id in swaps:
            swap = swaps[node.func.id]
            if self._hit(node, f"{node.func.id} to {swap}"):
                if swap == "passed":
                    node.args, node.keywords = node.args[:3], []
                node.func = ast.Name(swap, ast.Load())
        return self.generic_visit(node)


class MutatingFinder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports one module from its changed source."""

    def __init__(self, module: str, path: Path, tree: ast.Module) -> None:
        self.module, self.path, self.tree = module, path, tree

    def find_spec(self, name: str, *_: Any) -> Any:
        if name != self.module:
            return None
        return importlib.util.spec_from_file_location(name, self.path, loader=self)

    def create_module(self, spec: Any) -> None:
        return None

    def exec_module(self, module: Any) -> None:
        exec(compile(self.tree, str(self.path), "exec"), module.__dict__)


def mutants(source: str) -> Iterator[tuple[str, ast.Module]]:
    """Every changed tree of a module with what was changed."""
    number = 0
    while True:
        mutator = Mutator(number)
        tree = ast.fix_missing_locations(mutator.visit(ast.parse(source)))
        if not mutator.what:
            return
        yield mutator.what, tree
        number += 1


def run_source(files: list[str]) -> list[str]:
    """What can be changed in the modules that decide without a test noticing."""
    survivors, total = [], 0
    for name in files:
        path = ROOT / name
        module = name.removesuffix(".py").replace("/", ".")
        for what, tree in mutants(path.read_text()):
            total += 1
            finder = MutatingFinder(module, path, tree)
            if not in_child(lambda finder=finder: sys.meta_path.insert(0, finder), TESTS):  # type: ignore[misc]
                survivors.append(f"{name} {what}")
                print(f"SURVIVED  {name} {what}", flush=True)
    print(f"{total - len(survivors)} of {total} changes were noticed")
    return survivors


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--source", nargs="*", metavar="FILE", help="mutate the source as well")
    options = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    os.chdir(ROOT)
    # Loaded once here instead of in every child; nothing of the gate itself for source mutants.
    for heavy in ("pytest", "hypothesis", "yaml", "numpy", "pydantic", "models.messages"):
        importlib.import_module(heavy)
    started = time.monotonic()
    survivors = run_source(options.source or SOURCES) if options.source is not None else []
    survivors += run_rows()
    print(f"{time.monotonic() - started:.1f} s")
    return 1 if survivors else 0


if __name__ == "__main__":
    raise SystemExit(main())
