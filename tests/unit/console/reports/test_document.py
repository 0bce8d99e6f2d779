"""A report's values as text, and the age of its facts in words."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from console.reports.document import pairs_of, table_of, words
from tests.unit.console.reports.samples import READ, frame


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (Decimal("1.100000000000"), "1.1"),
        (Decimal("1E+3"), "1000"),
        (0.5, "0.5"),
        (READ, "2026-11-30T12:00:00.000Z"),
        (3, "3"),
    ],
)
def test_a_value_is_told_plainly(value: object, text: str) -> None:
    assert words(value) == text


@pytest.mark.parametrize(
    ("age", "told"),
    [(1, "1.0 seconds"), (150, "2.5 minutes"), (9000, "2.5 hours"), (200_000, "2.3 days")],
)
def test_the_age_of_the_newest_fact_has_a_unit(age: float, told: str) -> None:
    found = replace(frame(), newest=READ - timedelta(seconds=age))
    assert found.age == f"read 2026-11-30T12:00:00.000Z; the newest fact was {told} old"


def test_a_period_without_facts_says_so() -> None:
    assert replace(frame(), newest=None).age.endswith("no fact of this period was found")


def test_tables_take_their_columns_by_name_and_count_what_they_leave_out() -> None:
    table = table_of("alerts", ("first_seen", "text"), [{"text": "a", "first_seen": None}], count=5)
    assert table.names == ("first seen", "text")
    assert table.rows == (("–", "a"),)
    assert table.left_out == 4
    assert pairs_of("money", [("end", None)]).rows == (("end", "–"),)
