"""Exits get out: without a market, without limits, without rules, in whatever form they come."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import delete, update

from bot.errors import DependencyDown, ExchangeRefused, MlriskError
from bot.execution.sending.sender import SendResult
from bot.risk import codec
from bot.risk.decision import Decision
from bot.risk.limits import RiskLimits
from models.enums import VenueReason
from models.tables import DecisionRow, InstrumentRow, PositionRow, ReservationRow
from tests.support.accounts.exits import ask_exit, open_position
from tests.support.desk import Desk
from tests.support.fakes import INSTRUMENT, PRICE

D = Decimal


class Unreadable:
    """Limits that can't be read, as while their table is locked or a version is not usable."""

    def __init__(self, error: MlriskError) -> None:
        self.error = error

    def limits(self) -> RiskLimits:
        raise self.error

    def last_known(self) -> RiskLimits:
        return RiskLimits()


def test_an_exit_without_any_market_is_planned_sent_and_filled(desk: Desk) -> None:
    held = open_position(desk)
    desk.market.away = True
    outcome = ask_exit(desk)
    assert (outcome["verdict"], D(outcome["approved_qty"])) == ("shrink", held)
    parent = desk.parent("exit")
    assert (parent.algorithm, parent.approved_qty) == ("immediate", held)
    assert desk.send_due() == [SendResult.SENT]
    desk.stream()
    assert desk.position() == 0
    assert desk.parent("exit").state == "completed"


def test_limits_that_cant_be_read_hold_entries_back_and_no_exit(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = open_position(desk)
    limits = Unreadable(DependencyDown("the limits in force can't be read"))
    monkeypatch.setattr(desk.approval, "_limits", limits)
    monkeypatch.setattr(desk.sender._claims, "_limits", limits)
    with pytest.raises(DependencyDown):
        desk.approve("another-entry")
    assert D(ask_exit(desk)["approved_qty"]) == held
    assert desk.send_due() == [SendResult.SENT]
    desk.stream()
    assert desk.position() == 0


def test_a_stepped_exit_is_worked_although_limits_cant_be_read(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_position(desk)
    ask_exit(desk, algorithm="passive", horizon_seconds=60)
    monkeypatch.setattr(
        desk.worker, "_limits", Unreadable(DependencyDown("the limits in force can't be read"))
    )
    desk.worker.step("exit")
    assert len(desk.children("exit")) == 1


def test_the_rules_of_a_held_symbol_are_read_at_once_when_they_are_missing(desk: Desk) -> None:
    held = open_position(desk)
    with desk.db.transaction() as session:
        session.execute(delete(InstrumentRow))
    outcome = ask_exit(desk)
    assert D(outcome["approved_qty"]) == held
    assert desk.send_due() == [SendResult.SENT]


def test_an_exit_that_cant_be_planned_is_denied_with_a_reason_and_an_alert(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_position(desk)
    with desk.db.transaction() as session:
        session.execute(delete(InstrumentRow))

    def no_answer() -> list[Any]:
        raise DependencyDown("the exchange can't be reached")

    monkeypatch.setattr(desk.exchange, "instruments", no_answer)
    outcome = ask_exit(desk)
    assert outcome["verdict"] == "deny"
    assert "instrument" in [check["name"] for check in outcome["checks_failed"]]
    assert "exit_denied" in desk.audit_kinds()


def test_an_entry_that_is_denied_is_no_alert(desk: Desk) -> None:
    desk.market.away = True
    assert desk.approve()["verdict"] == "deny"
    assert "exit_denied" not in desk.audit_kinds()


def prices_sent(desk: Desk) -> list[Decimal]:
    """Of the exit's orders: what follows the entry."""
    return [D(str(body["price"])) for body in desk.exchange.accepted[1:]]


def fall(desk: Desk, share: str) -> Decimal:
    """The market falls by a share; returns the new best bid."""
    desk.market.touch = (desk.market.touch * (1 - D(share))).quantize(D("0.1"))
    desk.exchange.touch = desk.market.touch
    return desk.market.touch - D("0.1")


def test_an_exit_follows_a_market_that_has_left_its_decision(desk: Desk) -> None:
    open_position(desk)
    ask_exit(desk)
    bid = fall(desk, "0.02")
    assert desk.send_due() == [SendResult.SENT]
    (price,) = prices_sent(desk)
    assert bid * D("0.989") < price < bid
    desk.stream()
    assert desk.position() == 0
    assert "exit_unfilled" not in desk.audit_kinds()


def test_each_attempt_of_an_exit_is_anchored_at_the_touch_and_reaches_further(desk: Desk) -> None:
    open_position(desk)
    ask_exit(desk)
    desk.exchange.fill_share = D(0)
    bids = []
    for _ in range(4):
        bids.append(fall(desk, "0.01"))
        assert desk.send_due() == [SendResult.SENT]
        desk.stream()
        desk.pass_time(2)
    shares = [1 - price / bid for price, bid in zip(prices_sent(desk), bids, strict=True)]
    assert [round(share, 3) for share in shares] == [D("0.010"), D("0.020"), D("0.040"), D("0.050")]
    desk.exchange.fill_share = D(1)
    desk.send_due()
    desk.stream()
    assert desk.position() == 0


def test_an_exit_that_ends_unfilled_is_an_alarm(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    held = open_position(desk)
    ask_exit(desk)
    desk.exchange.fill_share = D(0)
    for _ in range(40):
        desk.send_due()
        desk.stream()
        desk.pass_time(1)
    assert desk.parent("exit").state == "unfilled"
    assert len(desk.children("exit")) > 8
    assert desk.audit_kinds().count("exit_unfilled") == 1
    assert any(
        r.levelname == "CRITICAL" and f"{held:f} of the position is still open" in r.getMessage()
        for r in caplog.records
    )


def test_a_price_that_the_venue_refuses_is_asked_for_nearer_to_the_touch(desk: Desk) -> None:
    open_position(desk)
    ask_exit(desk)
    desk.exchange.faults = [
        (ExchangeRefused(110003, "price out of band", reason=VenueReason.PRICE), False)
    ] * 2
    for _ in range(3):
        desk.send_due()
        desk.pass_time(2)
    desk.stream()
    assert desk.position() == 0
    (price,) = prices_sent(desk)
    assert round(1 - price / PRICE, 4) == D("0.0025")


def test_without_a_touch_an_exit_goes_out_at_the_wide_bound_from_its_reference(desk: Desk) -> None:
    open_position(desk)
    ask_exit(desk)
    desk.market.away = True
    assert desk.send_due() == [SendResult.SENT]
    (price,) = prices_sent(desk)
    assert round(1 - price / PRICE, 3) == D("0.050")


def test_the_strategys_own_limit_holds_for_an_exit(desk: Desk) -> None:
    open_position(desk)
    ask_exit(desk, limit_price="64900")
    desk.send_due()
    assert prices_sent(desk) == [D("64900")]
    desk.exchange.fill_share = D(0)


def test_a_stepped_exit_crosses_where_the_market_is_now(desk: Desk) -> None:
    open_position(desk)
    ask_exit(desk, algorithm="passive", horizon_seconds=20)
    bid = fall(desk, "0.03")
    desk.pass_time(17)
    desk.step("exit")
    assert [c.style for c in desk.children("exit")] == ["ioc"]
    (price,) = prices_sent(desk)
    assert bid * D("0.989") < price < bid
    desk.stream()
    assert desk.position() == 0


def test_a_stepped_exit_goes_without_a_market_when_half_of_its_time_is_over(desk: Desk) -> None:
    open_position(desk)
    ask_exit(desk, algorithm="passive", horizon_seconds=20)
    desk.market.away = True
    desk.pass_time(9)
    desk.step("exit")
    assert desk.children("exit") == []
    desk.pass_time(2)
    desk.step("exit")
    desk.stream()
    assert desk.position() == 0


@pytest.mark.parametrize(
    "form",
    [
        {"algorithm": "twap", "horizon_seconds": 5, "interval_seconds": 30},
        {"algorithm": "vwap"},
        {"algorithm": "pov", "participation_rate": 0.1, "min_participation_rate": 0.3},
        {"algorithm": "twap", "horizon_seconds": 3600, "interval_seconds": 0.02},
        {"limit_price": "64000.123"},
    ],
)
def test_no_form_that_can_be_mended_refuses_an_exit(desk: Desk, form: dict[str, Any]) -> None:
    held = open_position(desk)
    outcome = ask_exit(desk, **form)
    assert outcome.get("approved_qty") is not None, outcome
    assert D(outcome["approved_qty"]) == held
    desk.check_balance()


def test_what_is_decided_on_an_odd_entry_price_is_stored_as_it_was_decided(desk: Desk) -> None:
    open_position(desk)
    with desk.db.transaction() as session:
        session.execute(update(PositionRow).values(entry_price=D("64999.123456789012345678")))
    desk.market.away = True
    ask_exit(desk)
    with desk.db.reading() as session:
        row = session.get_one(DecisionRow, "exit")
        reserved = session.get_one(ReservationRow, "exit")
    decided = codec.from_json(Decision, row.decision)
    assert row.approved_notional == decided.approved_notional
    assert row.approved_qty == decided.approved_qty == reserved.approved_qty
    assert row.reference_price == decided.reference_price == reserved.reference_price


def banded(desk: Desk, x: str, y: str) -> None:
    """The venue publishes a band, enforces it by refusal, and its rules are read."""
    desk.exchange.instrument = replace(INSTRUMENT, price_limit_x=D(x), price_limit_y=D(y))
    desk.reconciler.refresh_instruments()


def test_an_exit_is_not_refused_for_the_venues_band(desk: Desk) -> None:
    held = open_position(desk)
    banded(desk, "0.002", "0.004")
    ask_exit(desk)
    assert desk.send_due() == [SendResult.SENT]
    assert prices_sent(desk) == [desk.market.touch * D("0.998")]
    desk.stream()
    assert desk.position() == 0
    assert desk.parent("exit").filled_qty == held


def test_an_entry_is_not_refused_for_the_venues_band(desk: Desk) -> None:
    banded(desk, "0.0001", "0.0002")
    desk.limits.change(max_slippage_bps=30.0)
    assert desk.approve("entry")["verdict"] == "allow"
    assert desk.send_due() == [SendResult.SENT]
    assert D(str(desk.exchange.accepted[0]["price"])) == D("65006.5")


def test_a_resting_entry_that_the_market_left_is_not_refused_for_the_venues_band(
    desk: Desk,
) -> None:
    banded(desk, "0.002", "0.004")
    work = {"algorithm": "iceberg", "horizon_seconds": 60}
    assert desk.approve("entry", signal_data=work)["verdict"] == "allow"
    desk.worker.step("entry")
    fall(desk, "0.01")
    assert desk.send_due() == [SendResult.SENT]
    assert D(str(desk.exchange.accepted[0]["price"])) == desk.market.touch * D("1.002")


def test_an_exit_in_a_thin_book_goes_on_up_to_a_band_beyond_the_operators_bound(
    desk: Desk,
) -> None:
    open_position(desk)
    banded(desk, "0.1", "0.2")
    desk.exchange.fill_share = D(0)
    ask_exit(desk)
    for _ in range(8):
        assert SendResult.REFUSED not in desk.send_due()
        desk.stream()
        desk.pass_time(3)
    touch = desk.market.touch - D("0.1")
    reached = [round((1 - price / touch) * 100) for price in prices_sent(desk)]
    assert reached[:4] == [1, 2, 4, 8]
    assert set(reached[4:]) == {10}


def test_a_refusal_for_a_band_that_is_narrower_than_known_halves_what_was_reached(
    desk: Desk,
) -> None:
    open_position(desk)
    banded(desk, "0.002", "0.004")
    desk.exchange.faults.append((ExchangeRefused(110120, "price", reason=VenueReason.PRICE), False))
    ask_exit(desk)
    assert desk.send_due() == [SendResult.REFUSED]
    desk.pass_time(3)
    assert desk.send_due() == [SendResult.SENT]
    second = desk.exchange.accepted[-1]["price"]
    assert D("0.9989") < D(str(second)) / desk.market.touch < D("0.9991")
