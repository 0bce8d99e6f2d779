"""The code's names: the trade's words, and each name once in the domain."""

import ast
import io
import tokenize
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from tests.support.repository import ROOT, text_of

FORMER = frozenset(
    {
        "budget_scripts",
        "BudgetRules",
        "Clearance",
        "clearance",
        "DOOR",
        "Halter",
        "Holdback",
        "holdback",
        "Holdbacks",
        "InputDoor",
        "Ladder",
        "ladder_for",
        "ladder_of",
        "latch",
        "next_pace",
        "PaceFactors",
        "Pacer",
        "pacer",
        "pacing",
        "pacing_rules",
        "PacingRow",
        "Permit",
        "Remedy",
        "remedy",
        "rung",
        "Rungs",
        "rungs",
        "stored_ladder",
        "tightening",
        "Tightening",
        "toothless",
        "Wakes",
        "wakeup",
        "Wakeups",
        "wakeups",
    }
)
"""Names that `docs/glossary.md` has replaced; they must not come back as identifiers or modules."""
ROOMS = ("bot", "models", "config", "tasks", "workers", "console")


def test_former_words_do_not_come_back_as_names() -> None:
    found = {
        f"{path.relative_to(ROOT)}: {name}"
        for room in ROOMS
        for path in _modules(room)
        for name in _names(path) | {path.stem}
        if name in FORMER
    }
    assert not sorted(found)


def test_no_two_classes_of_the_domain_have_one_name() -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for path in _modules("bot"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(str(path.relative_to(ROOT)))
    assert not {name: where for name, where in places.items() if len(where) > 1}


def test_the_glossary_lists_each_word_once_and_in_order() -> None:
    rows = [line for line in text_of("docs/glossary.md").splitlines() if line.startswith("| ")]
    words = [row.split("|")[1].strip() for row in rows[1:]]
    assert words == sorted(set(words), key=str.lower)


def _modules(room: str) -> Iterator[Path]:
    paths = sorted((ROOT / room).rglob("*.py"))
    return (path for path in paths if "versions" not in path.parts)


def _names(path: Path) -> set[str]:
    tokens = tokenize.generate_tokens(io.StringIO(path.read_text(encoding="utf-8")).readline)
    return {token.string for token in tokens if token.type == tokenize.NAME}
