"""Where nobody knows the market, an exit goes by the exchange's mark, and nothing is added."""

from decimal import Decimal
from typing import Any

import pytest

from bot.decision.last_resort import MarketOfLastResort
from bot.errors import DependencyDown
from bot.execution.sending.sender import SendResult
from tests.support.accounts.exits import ask_exit, open_position
from tests.support.desk import Desk

D = Decimal


def prices_sent(desk: Desk) -> list[Decimal]:
    """Of the exit's orders: what follows the entry."""
    return [D(str(body["price"])) for body in desk.exchange.accepted[1:]]


def fall(desk: Desk, share: str) -> Decimal:
    """The market falls by a share; returns the new best bid."""
    desk.market.touch = (desk.market.touch * (1 - D(share))).quantize(D("0.1"))
    desk.exchange.touch = desk.market.touch
    return desk.market.touch - D("0.1")


@pytest.fixture
def last_resort(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A desk that asks the exchange for marks where nobody knows the market, as workers do."""
    market = MarketOfLastResort(
        desk.market, desk.exchange, desk.clock, monotonic=lambda: desk.clock.now().timestamp()
    )
    for service in (desk.approval, desk.sender, desk.worker):
        monkeypatch.setattr(service, "_market", market)
    return desk


@pytest.mark.parametrize("algorithm", [None, "passive"])
def test_a_losing_position_is_closed_although_nobody_knows_the_market(
    last_resort: Desk, algorithm: str | None
) -> None:
    desk = last_resort
    held = open_position(desk)
    fall(desk, "0.3")
    desk.market.away = True
    desk.pass_time(2)
    worth = held * desk.exchange.touch
    outcome = ask_exit(desk, position_size=f"{worth:.2f}", algorithm=algorithm)
    assert D(outcome["approved_qty"]) == held, "sized at the mark, not at the entry price"
    assert desk.send_due() == [SendResult.SENT]
    (price,) = prices_sent(desk)
    assert round(price / desk.exchange.touch, 2) == D("0.95")


def test_nothing_is_added_on_a_mark_alone(last_resort: Desk) -> None:
    open_position(last_resort)
    last_resort.market.away = True
    outcome = last_resort.approve("more")
    assert outcome["verdict"] == "deny"
    assert "reference_price" in [check["name"] for check in outcome["checks_failed"]]


def test_an_exchange_that_fails_is_not_asked_for_each_decision(
    last_resort: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_position(last_resort)
    asked = []

    def fails() -> list[Any]:
        asked.append(1)
        raise DependencyDown("the exchange can't be reached")

    monkeypatch.setattr(last_resort.exchange, "marks", fails)
    last_resort.market.away = True
    for number in range(5):
        last_resort.approve(f"more-{number}")
    assert len(asked) == 1
