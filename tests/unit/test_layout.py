"""The layout of the tests mirrors the code: the share of modules with a test at their own path."""

import ast
from pathlib import Path

from tests.support.repository import ROOT, tracked_files

ROOMS = (
    *("config", "models", "bot", "paper_exchange", "tasks", "workers", "console"),
    *("examples", "benchmarks"),
)
KINDS = ("unit", "integration", "conformance")
"""The folders of tests that mirror the code. Clients of others test the paper exchange."""
FLOOR = 0.92
"""The share that was reached, less a few modules; raise it with every step. The aim is 0.9."""


def does_something(module: Path) -> bool:
    """Whether a module has code of its own: declarations and starting points need no test."""
    if module.name in ("__init__.py", "__main__.py") or "versions" in module.parts:
        return False
    tree = ast.parse(module.read_text(encoding="utf-8"))
    functions = (n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef))
    return any(not isinstance(line, ast.Expr | ast.Pass) for f in functions for line in f.body)


def has_a_test(module: Path) -> bool:
    """Whether a test of its name lies at its path, without servers or with them."""
    place = module.relative_to(ROOT).with_name(f"test_{module.name}")
    return any((ROOT / "tests" / kind / place).exists() for kind in KINDS)


def test_modules_have_a_test_at_their_own_path() -> None:
    files = [path for path in tracked_files() if path.suffix == ".py"]
    modules = [p for p in files if p.relative_to(ROOT).parts[0] in ROOMS and does_something(p)]
    without = [str(p.relative_to(ROOT)) for p in modules if not has_a_test(p)]
    share = 1 - len(without) / len(modules)
    print(f"{len(modules) - len(without)} of {len(modules)} modules have one: {share:.1%}")
    assert share >= FLOOR, "\n".join(without)
