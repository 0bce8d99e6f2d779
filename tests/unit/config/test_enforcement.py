"""No key of the configuration is checked, shown and then ignored by the code."""

import ast
from collections.abc import Iterator

from config.sections import DECLARED, RESERVED
from config.settings import Settings
from tests.support.repository import ROOT

ROOMS = ("bot", "tasks", "workers", "console")
HOLDERS = frozenset(
    {"limits", "breakers", "rules", "_rules", "working", "quotas", "section", "strategies"}
)
"""What an object with declared limits is called where a limit is read of it."""
BY_PURPOSE = frozenset(
    f"{purpose}_database_url" for purpose in ("owner", "audit", "exporter", "viewer", "bootstrap")
)
"""Settings that `console.runtime.databases` reads by a name made of the purpose."""


def test_every_key_is_read_or_reserved_and_no_key_is_both() -> None:
    read = {name for holder, name in reads(*ROOMS) if holder in HOLDERS}
    ignored = {path for path, declared in DECLARED.items() if declared.name not in read}
    assert ignored - set(RESERVED) == set(), "nothing reads these keys: enforce or reserve them"
    assert set(RESERVED) - ignored == set(), "these keys are read: they are no longer reserved"


def test_every_setting_is_read() -> None:
    read = {name for _, name in reads(*ROOMS, "config")}
    assert set(Settings.model_fields) - read - BY_PURPOSE == set()


def test_a_read_is_told_by_its_holder_and_its_name() -> None:
    found = set(_reads(ast.parse("a = self.limits.max_spread_bps\nx.limits().b\nlimits.c = 1")))
    assert {("limits", "max_spread_bps"), ("limits", "b")} <= found
    assert ("limits", "c") not in found


def reads(*rooms: str) -> Iterator[tuple[str, str]]:
    """Each attribute that code reads, with the last name of the object that has it.

    The self-test is left out: it breaks limits and enforces none.
    """
    for room in rooms:
        for path in (ROOT / room).rglob("*.py"):
            if "selftest" not in path.parts:
                yield from _reads(ast.parse(path.read_text(encoding="utf-8")))


def _reads(tree: ast.AST) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
            yield _last_name(node.value), node.attr


def _last_name(node: ast.expr) -> str:
    match node:
        case ast.Call():
            return _last_name(node.func)
        case ast.Attribute():
            return node.attr
        case ast.Name():
            return node.id
    return ""
