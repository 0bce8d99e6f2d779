"""The worth of blocks for people: a table, a sentence for each line, and what isn't known."""

import io
from typing import Any

from rich.console import Console

from console.views.gate_value import METHOD, print_value
from tests.unit.bot.risk.cases import NOW

ROW: dict[str, Any] = {
    "name": "[spread]",
    "known": 120,
    "alone": 100,
    "unknown": {"no_minutes": 2},
    "false_share": 0.25,
    "avoided": 10.0,
    "missed": 30.5,
    "net": -20.5,
    "bps_a_day": -3.1,
    "low": -5.2,
    "high": -1.0,
    "sentence": "[spread] cost 3.10 bps a day (95 %: 1.00 to 5.20)",
}
FACTS: dict[str, Any] = {
    "since": NOW,
    "until": NOW,
    "by": "check",
    "judged": 122,
    "not_judged": 7,
    "values": [ROW],
    "method": METHOD,
}


def printed(**changes: Any) -> str:
    file = io.StringIO()
    print_value(Console(file=file, width=200), FACTS | changes)
    return file.getvalue()


def test_each_line_has_its_figures_and_its_sentence() -> None:
    told = printed()
    assert "122 blocks judged" in told
    assert "7 not judged" in told
    assert "[spread] cost 3.10 bps a day (95 %: 1.00 to 5.20)" in told
    assert "-3.10 [-5.20, -1.00]" in told
    assert "25%" in told
    assert "unknown worth: no_minutes 2" in told


def test_a_worth_without_interval_and_an_unknown_one_are_told_as_such() -> None:
    few = ROW | {"low": None, "high": None, "bps_a_day": 0.5}
    assert "+0.50" in printed(values=[few])
    none = ROW | {"low": None, "high": None, "bps_a_day": None, "false_share": None}
    assert "unknown" in printed(values=[none])


def test_without_a_judged_block_there_is_no_table() -> None:
    assert "No block has been judged" in printed(values=[], judged=0)
