"""The page of checks has a row for each, in the order in which they are asked."""

import re

from bot.risk.checks.registry import CHECKS
from console.reference.checks import text


def test_each_check_has_its_row_in_order() -> None:
    names = re.findall(r"^\| \d+ \| `(\w+)` \|", text(), re.MULTILINE)
    assert names == [check.rule.name for check in CHECKS]


def test_a_row_says_what_is_asked_measured_and_limited() -> None:
    (row,) = re.findall(r"^\| \d+ \| `confidence` \|.*$", text(), re.MULTILINE)
    assert "The model's confidence, in [0, 1], is high enough." in row
    assert "the model's confidence, at least the limit" in row
    assert (
        "[`ml_risk_thresholds.min_confidence`](../limits.md#ml_risk_thresholds) | denies |" in row
    )
    assert "beyond the strategy's own share" in row


def test_a_reason_names_the_checks_that_give_it() -> None:
    assert re.search(r"^\| `insufficient_confidence` \| `confidence` \|$", text(), re.MULTILINE)
