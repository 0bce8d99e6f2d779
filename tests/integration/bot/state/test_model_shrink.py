"""A shrink is told once, and the gate makes entries smaller."""

from decimal import Decimal

import pytest

from bot.state import model_shrink
from bot.state.breakers import BreakerScope
from models.enums import ScopeKind
from tests.support.desk import ACCOUNT, Desk

pytestmark = pytest.mark.services


def shrink(desk: Desk) -> bool:
    scope = BreakerScope(ScopeKind.STRATEGY, "test")
    with desk.db.unit_of_work() as uow:
        told = model_shrink.shrink(uow, ACCOUNT, scope, reason="drill", now=desk.clock.now())
        uow.commit()
    return told


def test_entries_of_the_strategy_become_smaller_and_it_is_told_once(desk: Desk) -> None:
    desk.approve("r-1", signal_data={"position_size": "3000"})
    assert [shrink(desk), shrink(desk)] == [True, False]
    desk.approve("r-2", signal_data={"position_size": "3000"})
    before, after = (sum(c.qty for c in desk.children(name)) for name in ("r-1", "r-2"))
    assert Decimal("0.3") < after / before < Decimal("0.5")
    assert desk.audit_kinds().count(model_shrink.SIZE_SHRUNK) == 1
