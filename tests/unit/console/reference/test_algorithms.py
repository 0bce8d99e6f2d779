"""The page of algorithms has a section for each, and every field of a message's signal."""

import re

from console.reference.algorithms import text
from models.enums import Algorithm
from models.messages import SignalData


def test_each_algorithm_has_a_section_that_says_how_it_is_worked() -> None:
    page = text()
    for algorithm in Algorithm:
        section = page.split(f"\n## {algorithm.value}\n")[1].split("\n## ")[0]
        assert re.search(r"^- It is (planned|event-driven)", section, re.MULTILINE)
    assert "- It is planned: all its child orders are known at the start." in page


def test_each_field_of_the_signal_has_its_row() -> None:
    fields = text().split("\n## Fields of signal_data\n")[1]
    assert re.findall(r"^\| `(\w+)` \|", fields, re.MULTILINE) == list(SignalData.model_fields)
    assert "| `position_size` | a number, best as text | required |" in fields
    assert "| `start` | `at_once`, `mid_slot` | `at_once` |" in fields
