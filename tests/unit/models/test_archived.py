"""What an archive's declaration says, and whose payload it may stand for."""

import pytest

from models.archived import (
    REMOVABLE,
    Declaration,
    file_of,
    is_month,
    mark_of,
    may_leave,
    month_in,
)

DECLARED = Declaration(
    7, "2024-01", file_of("2024-01"), "a" * 64, 0, 8, {"paper": (1, 8)}, "b" * 64
)


def test_a_declaration_is_read_back_as_it_was_written() -> None:
    assert Declaration.of(7, DECLARED.to_payload()) == DECLARED


@pytest.mark.parametrize(
    "change",
    [
        {"month": "2024-13"},
        {"month": "../../etc"},
        {"file": "/etc/passwd"},
        {"file": "audit-2024-02.jsonl.gz"},
        {"sha256": "a" * 63},
        {"sha256": "A" * 64},
        {"chains": None},
        {"chains": {"paper": [1]}},
        {"chains": {"paper": ["one", "two"]}},
        {"begins": None},
    ],
)
def test_an_entry_that_is_no_declaration_declares_nothing(change: dict[str, object]) -> None:
    assert Declaration.of(7, {**DECLARED.to_payload(), **change}) is None
    assert Declaration.of(7, {}) is None


def test_the_mark_of_a_month_is_read_back_and_nothing_else_is_one() -> None:
    assert month_in(mark_of("2024-01")) == "2024-01"
    for payload in ({}, {"archived": 1}, {"archived": "x"}, {"archived": "2024-01", "n": 1}):
        assert month_in(payload) is None
    assert [is_month(text) for text in ("2024-01", "2024-1", "2024-00", "1999-01", "")] == [
        True,
        *[False] * 4,
    ]


def test_what_is_read_back_to_decide_keeps_its_payload() -> None:
    for kind in (
        *("halted", "resumed", "breaker_tripped", "state_recorded", "halt_sealed"),
        *("config_changed", "config_proposed", "limits_file", "strategy_stage"),
        *("operator_added", "operator_reset", "operator_disabled", "audit_archived"),
    ):
        assert not may_leave(kind, "monitor")
    for kind in REMOVABLE:
        assert may_leave(kind, "gate")
        assert not may_leave(kind, "operator:anna")
