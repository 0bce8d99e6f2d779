"""What a recovery shows before it acts."""

import pytest

from bot.safety.recovery.preview import preview, resting_orders
from bot.state.scope import EVERYTHING as GLOBAL
from models.enums import (
    TradingState,
)
from tests.support.desk import Desk

pytestmark = [pytest.mark.services, pytest.mark.usefixtures("quick_passphrases", "standing_codes")]


def test_the_preview_names_state_orders_and_who_acted(desk: Desk) -> None:
    desk.trading_halt.halt(reason="drill", actor="cli:me")
    denying = ("global * is HALTED: drill", "breaker x is tripped: y")
    shown = preview(desk.db, GLOBAL, denying, resting_orders(desk.db, desk.exchange))
    assert (shown.scope, shown.state, shown.reason) == ("global:*", TradingState.HALTED, "drill")
    assert "breaker x is tripped: y" in shown.stays
    assert not any("global * is HALTED" in line for line in shown.stays)
    assert shown.resting.orders == ()
    assert ("cli:me", "halted") in [(act.actor, act.kind) for act in shown.acts]
