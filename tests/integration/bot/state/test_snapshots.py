"""What is approved and not yet at the exchange comes off the margin that it calls free."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from models.tables import DecisionRow
from tests.support.desk import Desk

D = Decimal


@pytest.fixture
def tight(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """10,000 are free, all of it usable, and no other limit is near."""
    set_free(desk, monkeypatch, "10000")
    desk.limits.change(margin_buffer_share=D(0), max_position_share=D(1), max_repeated_orders=100)
    return desk


def set_free(desk: Desk, monkeypatch: pytest.MonkeyPatch, free: str) -> None:
    """A new reading of the wallet."""
    wallet = replace(desk.exchange.wallet(), available=D(free))
    monkeypatch.setattr(desk.exchange, "wallet", lambda: wallet)
    desk.pass_time(1)


def ask(desk: Desk, request_id: str, size: str, **signal: Any) -> Decimal:
    """What is granted of a size."""
    wanted = {"position_size": size, "algorithm": "immediate", **signal}
    return D(desk.approve(request_id, signal_data=wanted)["approved_notional"])


def usable(desk: Desk, request_id: str) -> Decimal:
    """The margin that the gate counted on."""
    with desk.db.reading() as session:
        decision = session.get_one(DecisionRow, request_id).decision
    (check,) = (c for c in decision["checks"] if c["name"] == "free_margin")
    return D(check["limit"])


def test_a_second_trade_gets_only_what_the_first_has_left(tight: Desk) -> None:
    first = ask(tight, "r-1", "6000", algorithm="twap", horizon_seconds=60, interval_seconds=10)
    assert first > 5900
    assert ask(tight, "r-2", "6000") <= 10000 - first
    assert usable(tight, "r-2") == 10000 - first


def test_what_was_filled_since_the_reading_counts_until_the_next_one(
    tight: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = ask(tight, "r-1", "6000")
    tight.clock.move_to(tight.clock.now().replace(microsecond=1))
    tight.send_due()
    tight.stream()
    ask(tight, "r-2", "1000")
    assert abs(usable(tight, "r-2") - (10000 - first)) < 1
    set_free(tight, monkeypatch, "4000")
    ask(tight, "r-3", "1000")
    held = tight.reservation("r-2").open_qty * tight.reservation("r-2").reference_price
    assert usable(tight, "r-3") == 4000 - held


def test_what_rests_at_the_exchange_is_not_counted_twice(
    tight: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = ask(tight, "r-1", "6000", algorithm="passive", horizon_seconds=60)
    tight.step("r-1")
    assert tight.child().state == "acked"
    ask(tight, "r-2", "100")
    assert usable(tight, "r-2") == 10000 - first, "the reading is older than the order"
    set_free(tight, monkeypatch, "4000")
    ask(tight, "r-3", "100")
    held = tight.reservation("r-2").open_qty * tight.reservation("r-2").reference_price
    assert usable(tight, "r-3") == 4000 - held


def test_exits_need_no_margin(tight: Desk) -> None:
    ask(tight, "r-1", "6000")
    tight.send_due()
    tight.stream()
    wanted = {"position_size": "9000", "reduce_only": True}
    outcome = tight.approve("exit", side="sell", signal_data=wanted)
    assert D(outcome["approved_qty"]) == tight.position()
