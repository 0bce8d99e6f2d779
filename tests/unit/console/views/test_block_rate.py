"""The block rate is told with its reasons, and text of others is never markup."""

import io
from typing import Any

from rich.console import Console

from console.views.block_rate import print_rate
from tests.unit.bot.risk.cases import NOW

FACTS: dict[str, Any] = {
    "since": NOW,
    "requests": 4,
    "blocked": 2,
    "shrunk": 1,
    "block_rate": 0.5,
    "blocked_by_reason": {"data_stale": 2},
    "blocked_by_check": {"data_age": 2},
    "blocked_by_one_check_alone": {"data_age": 1},
    "hint": "[data_age] blocks nearly all",
    "bad_messages": 3,
}


def printed(**changes: Any) -> str:
    out = Console(file=io.StringIO(), width=200)
    print_rate(out, FACTS | changes)
    text = out.file
    assert isinstance(text, io.StringIO)
    return text.getvalue()


def test_checks_reasons_and_the_hint_are_told() -> None:
    told = printed()
    assert "4 requests decided, 2 blocked (50.0%), 1 shrunk; 3 refused as messages" in told
    assert "reasons: data_stale 2" in told
    assert "[data_age] blocks nearly all" in told


def test_where_nothing_was_blocked_there_is_no_table() -> None:
    told = printed(blocked=0, hint=None)
    assert "data_age" not in told
    assert "reasons" not in told
