"""The page of audit entries has a row for each kind, with its fields."""

import re

from console.reference.audit import text
from models.audit_kinds import KINDS


def test_each_kind_has_its_row() -> None:
    assert re.findall(r"^\| `(\w+)` \|", text(), re.MULTILINE) == list(KINDS)


def test_a_row_says_when_about_what_and_with_which_fields() -> None:
    row = next(line for line in text().splitlines() if line.startswith("| `halt_sealed`"))
    assert row == (
        "| `halt_sealed` | No claim from before a halt is left. | scope | `sealed_at`, `accounts` |"
        "  |"
    )
    fill = next(line for line in text().splitlines() if line.startswith("| `fill` |"))
    assert fill.endswith("| archive |")
