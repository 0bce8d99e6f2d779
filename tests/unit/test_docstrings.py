"""Each public module, class, function and method says what it is for."""

import ast
from collections.abc import Iterator

import pytest

from tests.support.repository import ROOT

DESCRIBED = ("bot", "models", "config", "paper_exchange", "tasks", "workers", "console")
"""Folders in which nothing public is without a docstring."""


@pytest.mark.parametrize("room", DESCRIBED)
def test_every_public_thing_has_a_docstring(room: str) -> None:
    silent = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in sorted((ROOT / room).rglob("*.py"))
        if not _is_private(path.relative_to(ROOT).parts)
        for name in _undescribed(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert not silent


def test_a_thing_without_a_docstring_is_found() -> None:
    code = '''
def described() -> None:
    """Says it."""

def silent() -> None: ...

def _private() -> None: ...

class Quiet:
    def told(self) -> None:
        """Says it."""

    def untold(self) -> None: ...
'''
    assert [*_undescribed(ast.parse(code))] == ["the module", "silent", "Quiet", "Quiet.untold"]


def _is_private(parts: tuple[str, ...]) -> bool:
    """A migration is named by its number and is nobody's to call."""
    if "versions" in parts:
        return True
    return any(part.startswith("_") and not part.startswith("__") for part in parts)


def _undescribed(module: ast.Module) -> Iterator[str]:
    if module.body and ast.get_docstring(module) is None:
        yield "the module"
    yield from _undescribed_in(module, "")


def _undescribed_in(scope: ast.Module | ast.ClassDef, prefix: str) -> Iterator[str]:
    for node in scope.body:
        if not isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if node.name.startswith("_") or _repeats_another(node):
            continue
        if ast.get_docstring(node) is None:
            yield prefix + node.name
        if isinstance(node, ast.ClassDef):
            yield from _undescribed_in(node, f"{prefix}{node.name}.")


def _repeats_another(node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """An overload or a setter belongs to a definition that has the docstring."""
    decorators = (ast.unparse(decorator) for decorator in node.decorator_list)
    return any(name.endswith(("overload", ".setter")) for name in decorators)
