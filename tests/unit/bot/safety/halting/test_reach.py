"""A halt reaches the orders of its scope."""

import pytest

from bot.safety.halting.reach import HaltReach, HaltWaits
from bot.state.scope import Scope
from models.connecting import IDLE_IN_TRANSACTION_MS
from models.enums import ScopeKind


@pytest.mark.parametrize(
    ("scope", "column"),
    [
        (Scope(ScopeKind.SYMBOL, "BTCUSDT"), "parent_order.symbol"),
        (Scope(ScopeKind.STRATEGY, "alpha"), "parent_order.strategy"),
    ],
)
def test_a_scope_takes_its_own_parents_alone(scope: Scope, column: str) -> None:
    condition = HaltReach(scope).only.compile(compile_kwargs={"literal_binds": True})
    assert f"{column} = '{scope.key}'" in str(condition)


def test_a_halt_ends_entries_alone_unless_more_is_asked() -> None:
    reach = HaltReach()
    assert (reach.cancel, reach.everything, reach.stop_exits) == (False, False, False)


def test_a_halt_waits_for_a_lock_until_a_silent_holder_has_lost_it() -> None:
    assert HaltWaits().lock_ms > IDLE_IN_TRANSACTION_MS
