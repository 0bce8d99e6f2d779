"""The package alone asks for what it imports, and agrees with mlrisk, which contains it."""

import ast
import sys
import tomllib
from pathlib import Path

from tests.support.repository import ROOT, project, tracked_files

FOLDER = ROOT / "paper_exchange"
ALONE = tomllib.loads((FOLDER / "pyproject.toml").read_text())
MODULES = {"pyyaml": "yaml"}
TESTS_ONLY = {"pytest"}


def name_of(requirement: str) -> str:
    name = requirement.partition(">")[0]
    return MODULES.get(name, name)


def imported() -> set[str]:
    """The names of the foreign packages that the code imports."""
    found: set[str] = set()
    for path in tracked_files():
        if path.suffix == ".py" and path.is_relative_to(FOLDER):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Import):
                    found |= {alias.name.partition(".")[0] for alias in node.names}
                elif isinstance(node, ast.ImportFrom) and node.module is not None:
                    found.add(node.module.partition(".")[0])
    return found - set(sys.stdlib_module_names) - {"paper_exchange"}


def test_it_requires_exactly_what_it_imports() -> None:
    assert {name_of(one) for one in ALONE["project"]["dependencies"]} == imported() - TESTS_ONLY


def test_its_version_and_requirements_are_those_of_mlrisk() -> None:
    whole = project()["project"]
    assert ALONE["project"]["version"] == whole["version"]
    assert set(ALONE["project"]["dependencies"]) <= set(whole["dependencies"])
    assert (FOLDER / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()


def test_it_lists_every_folder_of_its_code() -> None:
    folders = {
        ".".join(path.parent.relative_to(ROOT).parts)
        for path in tracked_files()
        if path.name == "__init__.py" and path.is_relative_to(FOLDER)
    }
    assert set(ALONE["tool"]["setuptools"]["packages"]) == folders


def test_a_process_needs_no_pytest() -> None:
    source = Path(FOLDER / "process.py").read_text()
    assert "pytest" not in {
        name.partition(".")[0]
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
        )
    }
