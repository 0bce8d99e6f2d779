"""Every error of the product derives from one root, and the paper exchange's from its own."""

import ast
import builtins
from pathlib import Path

import pytest

from tests.support.repository import ROOT

PRODUCT = ("bot", "config", "console", "models", "tasks", "workers")
REASONED = {
    # kombu connects again at the errors of redis, and at no others.
    "WritesRefusedError",
    # The offline verifier is one file that runs without us.
    "ProofError",
}
BUILTIN = {
    name
    for name, value in vars(builtins).items()
    if isinstance(value, type) and issubclass(value, BaseException)
}


def classes(folders: tuple[str, ...]) -> dict[str, set[str]]:
    """Bases by the class's name, of every class below these folders."""
    found: dict[str, set[str]] = {}
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            found |= bases_in(path.read_text(encoding="utf-8"))
    return found


def bases_in(text: str) -> dict[str, set[str]]:
    return {
        node.name: {ast.unparse(base).split(".")[-1].split("[")[0] for base in node.bases}
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.ClassDef)
    }


def errors(known: dict[str, set[str]]) -> set[str]:
    """Names of the classes that are raised: by their bases, near or far."""

    def raised(name: str) -> bool:
        if name in known:
            return any(raised(base) for base in known[name] - {name})
        return name in BUILTIN or name.endswith(("Error", "Exception"))

    return {name for name in known if raised(name)}


def descends(name: str, root: str, known: dict[str, set[str]]) -> bool:
    bases = known.get(name, set()) - {name}
    return name == root or any(descends(base, root, known) for base in bases)


@pytest.mark.parametrize(
    ("folders", "root"), [(PRODUCT, "MlriskError"), (("paper_exchange",), "PaperExchangeError")]
)
def test_every_error_derives_from_the_root(folders: tuple[str, ...], root: str) -> None:
    known = classes(folders)
    found = errors(known)
    assert root in found
    assert {name for name in found - REASONED if not descends(name, root, known)} == set()


def test_the_reasons_are_still_needed() -> None:
    known = classes(PRODUCT)
    assert errors(known) >= REASONED
    assert not any(descends(name, "MlriskError", known) for name in REASONED)


def test_the_check_bites() -> None:
    known = bases_in("class A(ValueError): ...\nclass B(A): ...\nclass C(redis.OddError): ...")
    assert errors(known) == {"A", "B", "C"}
    assert not descends("B", "MlriskError", known)


def test_the_folders_are_there() -> None:
    assert all(Path(ROOT / folder).is_dir() for folder in PRODUCT)
