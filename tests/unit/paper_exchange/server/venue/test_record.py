"""The journal holds fills and ends, and marks the ends that nobody asked for."""

from pathlib import Path
from typing import Any, Literal

import pytest

from paper_exchange.journal import JournalWriter, read_journal
from paper_exchange.server.venue.record import journal_events
from paper_exchange.types import PrivateEvent


def event(topic: Literal["order", "execution", "position"], **row: Any) -> PrivateEvent:
    return PrivateEvent("u-1", topic, "linear", 7, row)


@pytest.mark.parametrize(
    ("status", "cancel", "forced"),
    [
        ("Filled", "UNKNOWN", False),
        ("Cancelled", "CancelByUser", False),
        ("Cancelled", "UNKNOWN", False),
        ("Cancelled", "CancelByAdmin", True),
        ("Rejected", "CancelByReduceOnly", True),
    ],
)
def test_an_end_that_the_client_did_not_ask_for_is_marked(
    tmp_path: Path, status: str, cancel: str, forced: bool
) -> None:
    journal = JournalWriter(tmp_path / "journal")
    events = [
        event("order", orderStatus="New", cancelType="UNKNOWN"),
        event("position", symbol="BTCUSDT"),
        event("execution", execId="e-1"),
        event("order", orderStatus=status, cancelType=cancel),
    ]
    journal_events(journal, events)
    journal.close()
    fill, final = read_journal(tmp_path / "journal")
    assert (fill["kind"], fill["row"]["execId"]) == ("fill", "e-1")
    assert (final["kind"], final["forced"]) == ("final", forced)
