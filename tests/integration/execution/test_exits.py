"""Exits get out: without a market, without limits, without rules, in whatever form they come."""

from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import delete

from bot.errors import DependencyDown, MlriskError
from bot.execution.sender import SendResult
from bot.risk.limits import RiskLimits
from models.tables import InstrumentRow
from tests.support.desk import Desk

D = Decimal
NOTHING_KNOWN: dict[str, Any] = {
    "ml_predictions": {
        "confidence": None,
        "uncertainty": None,
        "ensemble_agreement": None,
        "prediction_stability": None,
        "feature_importance": {},
        "member_probabilities": [],
    }
}


def open_position(desk: Desk) -> Decimal:
    """A long position of some lots, bought at the fake's price."""
    assert desk.approve("entry")["verdict"] == "allow"
    desk.send_due()
    desk.stream()
    return desk.position()


def ask_exit(desk: Desk, request_id: str = "exit", **signal: Any) -> dict[str, Any]:
    wanted = {"position_size": "5000", "reduce_only": True, "algorithm": None, **signal}
    return desk.approve(
        request_id, side="sell", signal_data=wanted, priority="emergency", **NOTHING_KNOWN
    )


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
