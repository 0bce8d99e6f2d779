"""A stress test sees what its own requests came to, and nothing else."""

from decimal import Decimal

import pytest

from bot.safety.stress_load import Messages
from console.runtime.stress_progress import Outcome, Progress, outcome_of, progress_of
from tests.support.desk import ACCOUNT, Desk

pytestmark = pytest.mark.services

MESSAGES = Messages("stress-1")


def progress(desk: Desk) -> Progress:
    with desk.db.reading() as session:
        return progress_of(session, ACCOUNT, desk.clock.now())


def outcome(desk: Desk) -> Outcome:
    with desk.db.reading() as session:
        return outcome_of(session, ACCOUNT, desk.clock.now())


def test_each_step_of_a_trade_is_seen(desk: Desk) -> None:
    desk.approve("other")
    desk.admission.accept(MESSAGES.entry(1, "BTCUSDT", Decimal(1000), desk.clock.now()))
    assert (progress(desk).undecided, progress(desk).under_way) == (1, 0)
    assert not progress(desk).is_at_rest
    desk.approval.validate_stored("stress-1-entry-1")
    assert (progress(desk).undecided, progress(desk).under_way) == (0, 1)
    desk.send_due()
    desk.stream()
    seen = progress(desk)
    assert (seen.is_at_rest, seen.sent) == (True, 1)
    bought = sum(fill.qty * fill.price for fill in desk.exchange.fills[1:])
    assert seen.volume == bought > 0
    assert set(seen.held) == {"BTCUSDT"}


def test_an_outcome_has_the_decisions_of_the_test_alone(desk: Desk) -> None:
    desk.approve("other")
    now = desk.clock.now()
    for message in (
        MESSAGES.entry(1, "BTCUSDT", Decimal(1000), now),
        MESSAGES.denied(2, "BTCUSDT", now),
        MESSAGES.entry(3, "BTCUSDT", Decimal(500_000), now),
    ):
        desk.approval.validate_and_execute(message)
    found = outcome(desk)
    assert found.latencies == [0.0, 0.0, 0.0]
    assert found.verdicts == {"allow": 1, "deny": 2}
    assert found.reasons["gross_exposure_limit"] == 1
    assert "insufficient_confidence" not in found.reasons, "that denial is meant"
    assert found.fullest is not None and 0 < found.fullest.share <= 1
    assert found.tripped == ()
