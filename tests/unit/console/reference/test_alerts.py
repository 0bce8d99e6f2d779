"""The page of conditions has a row for each, with its level and its end."""

import re

from console.reference.alerts import text
from models.alerts.words import SENTENCES


def test_each_condition_has_its_row() -> None:
    assert re.findall(r"^\| `(\w+)` \|", text(), re.MULTILINE) == sorted(SENTENCES)
    assert not re.search(r"\| info[ ,|]", text())


def test_a_row_says_level_and_end() -> None:
    page = text()
    assert "| `halted` | Trading was stopped. | critical | `resumed` |" in page
    assert "| emergency |  |" not in page.split("`halted`")[1].split("\n")[0]
    assert "| `breaker_recovered` or `breaker_reset` |" in page
    assert "warning; critical, a loss limit; emergency, beside another one" in page
