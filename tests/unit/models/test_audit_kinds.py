"""Every kind of audit entry that the code writes is in the table, with its fields, and no other is.

The code is read, not run: each call that adds an entry is followed to where its kind is named, also
through functions that are given it.
"""

import ast
import importlib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import pytest

from bot.execution.booking.venue_acts import VenueAct
from models.alerts.words import ENDED_BY, SENTENCES
from models.archived import REMOVABLE
from models.audit_kinds import KINDS, SECTIONS
from models.enums import MessageRefusal
from tests.support.repository import ROOT

FOLDERS = ("bot", "config", "console", "models", "tasks", "workers")
WRITERS = {"audit": (1, 4, 5), "add_entry": (1, 4, 5), "record": (2, 5, 6)}
"""Functions that add an entry: the places of kind and payload, and their least arguments."""
BY_VALUE: Mapping[tuple[str, str], set[str]] = {
    ("bot/decision/refusals.py", "error.code"): set(MessageRefusal),
    ("bot/execution/booking/venue_acts.py", "act.value"): set(VenueAct),
    ("workers/celery/lifelines.py", "one.kind"): {"system_failure", "system_failure_over"},
}
"""Kinds that are values of something else, by the place that writes them."""
Function = ast.FunctionDef


@dataclass
class Module:
    """A module's text; its syntax is read when a function of interest is called in it."""

    path: str
    text: str

    @property
    def name(self) -> str:
        return self.path.removesuffix(".py").replace("/", ".")

    def calls(self, function: str) -> list[tuple[ast.Call, Function | None]]:
        """Its calls of functions of this name, with the function around each."""
        return self._calls.get(function, []) if f"{function}(" in self.text else []

    @cached_property
    def _calls(self) -> dict[str, list[tuple[ast.Call, Function | None]]]:
        found = defaultdict(list)

        def visit(node: ast.AST, around: Function | None) -> None:
            if isinstance(node, Function):
                around = node
            if isinstance(node, ast.Call):
                name = getattr(node.func, "attr", None) or getattr(node.func, "id", "")
                found[name].append((node, around))
            for child in ast.iter_child_nodes(node):
                visit(child, around)

        visit(self._syntax, None)
        return found

    @cached_property
    def _syntax(self) -> ast.Module:
        return ast.parse(self.text)

    @cached_property
    def _imports(self) -> set[tuple[str, str]]:
        return {
            (node.module, alias.name)
            for node in ast.walk(self._syntax)
            if isinstance(node, ast.ImportFrom) and node.module
            for alias in node.names
        }

    def knows(self, other: "Module", function: str) -> bool:
        """Whether it may call a function of the other module by this name."""
        if self.path == other.path:
            return True
        package, _, own = other.name.rpartition(".")
        found = {(other.name, function), (package, own)}
        return not function.startswith("_") and bool(found & self._imports)


@dataclass(frozen=True)
class Entry:
    """A place that adds an entry: the expressions of kind and payload there."""

    module: Module
    function: Function | None
    kind: ast.expr
    payload: ast.expr | None


@cache
def modules() -> tuple[Module, ...]:
    paths = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))]
    return tuple(
        Module(str(path.relative_to(ROOT)), path.read_text(encoding="utf-8"))
        for path in paths
        if "migrations" not in path.parts
    )


def written() -> Iterator[Entry]:
    """Every place that adds an entry, as far out as its kind is named."""
    for module in modules():
        for name, (kind, payload, least) in WRITERS.items():
            for call, around in module.calls(name):
                if len(call.args) + len(call.keywords) >= least:
                    given = {word.arg: word.value for word in call.keywords}
                    entry = Entry(
                        module,
                        around,
                        given.get("kind") or call.args[kind],
                        given.get("payload") or call.args[payload],
                    )
                    yield from outwards(entry, frozenset())


def outwards(entry: Entry, seen: frozenset[str]) -> Iterator[Entry]:
    """The entry itself, or the calls of its function that name the kind."""
    kind, around = entry.kind, entry.function
    if isinstance(kind, ast.IfExp):
        for case in (kind.body, kind.orelse):
            yield from outwards(Entry(entry.module, around, case, entry.payload), seen)
        return
    if not isinstance(kind, ast.Name) or around is None:
        yield entry
        return
    if kind.id in (parameter.arg for parameter in (*around.args.args, *around.args.kwonlyargs)):
        if around.name not in seen and around.name not in WRITERS:
            yield from callers(entry, around, kind.id, seen | {around.name})
        return
    assigned = values_of(around, kind.id)
    for value in assigned:
        yield from outwards(Entry(entry.module, around, value, entry.payload), seen)
    if not assigned:
        yield entry


def callers(
    entry: Entry, function: Function, parameter: str, seen: frozenset[str]
) -> Iterator[Entry]:
    for module in modules():
        calls = module.calls(function.name)
        if not calls or not module.knows(entry.module, function.name):
            continue
        for call, around in calls:
            kind = argument(call, function, parameter)
            if kind is None:
                continue
            payload = entry.payload
            if isinstance(payload, ast.Name):
                payload = argument(call, function, payload.id)
            yield from outwards(Entry(module, around, kind, payload), seen)
    default = default_of(function, parameter)
    if default is not None:
        yield Entry(entry.module, function, default, entry.payload)


def argument(call: ast.Call, function: Function, name: str) -> ast.expr | None:
    for word in call.keywords:
        if word.arg == name:
            return word.value
    names = [each.arg for each in function.args.args]
    if name not in names:
        return None
    place = names.index(name) - (names[0] in ("self", "cls"))
    return call.args[place] if place < len(call.args) else None


def default_of(function: Function, name: str) -> ast.expr | None:
    for parameter, default in zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True):
        if parameter.arg == name:
            return default
    return None


def values_of(function: Function, name: str) -> list[ast.expr]:
    """What a local variable is set to."""
    found = []
    for node in ast.walk(function):
        targets: list[ast.expr] = []
        if isinstance(node, ast.Assign):
            targets = node.targets
        elif isinstance(node, ast.AnnAssign):
            targets = [node.target]
        if any(isinstance(each, ast.Name) and each.id == name for each in targets):
            value: Any = node.value  # type: ignore[attr-defined]
            found += [] if value is None else [value]
    return found


def name_of(entry: Entry) -> str | None:
    """The kind, where it is a word or a constant of the module."""
    if isinstance(entry.kind, ast.Constant):
        return str(entry.kind.value)
    source = ast.unparse(entry.kind)
    if not source.replace("_", "").replace(".", "").isalnum():
        return None
    found: Any = importlib.import_module(entry.module.name)
    for part in source.split("."):
        found = getattr(found, part, None)
    return found if isinstance(found, str) else None


def fields_of(entry: Entry) -> set[str]:
    """The fields that the place names itself."""
    payload = entry.payload
    shown = [payload]
    if isinstance(payload, ast.Name) and entry.function is not None:
        shown = [*values_of(entry.function, payload.id)]
    return {
        key.value
        for value in shown
        if isinstance(value, ast.Dict)
        for key in value.keys
        if isinstance(key, ast.Constant) and isinstance(key.value, str)
    }


@pytest.fixture(scope="module")
def entries() -> list[tuple[str, Entry]]:
    """Each place with its kinds."""
    found = []
    for entry in written():
        place = (entry.module.path, ast.unparse(entry.kind))
        name = name_of(entry)
        kinds = BY_VALUE.get(place) or ({name} if name is not None else set())
        assert kinds, f"{place}: this test does not see what kind of entry this is"
        found += [(str(kind), entry) for kind in kinds]
    return found


def test_the_table_has_each_kind_that_is_written_and_no_other(
    entries: list[tuple[str, Entry]],
) -> None:
    kinds = {kind for kind, _ in entries}
    assert len(kinds) > 100
    assert kinds - KINDS.keys() == set(), "missing in models/audit_kinds.py"
    assert KINDS.keys() - kinds == set(), "nothing writes these"
    assert sum(map(len, SECTIONS.values())) == len(KINDS)


def test_the_table_has_the_fields_that_each_place_names(
    entries: list[tuple[str, Entry]],
) -> None:
    missing = {
        (kind, entry.module.path): fields_of(entry) - {*KINDS[kind].fields}
        for kind, entry in entries
    }
    assert {place: fields for place, fields in missing.items() if fields} == {}


def test_alerts_and_archives_know_no_other_kinds() -> None:
    assert {*REMOVABLE} - KINDS.keys() == set()
    assert SENTENCES.keys() - KINDS.keys() == set()
    assert ENDED_BY.keys() - KINDS.keys() == set()
