"""A trip's scope is held while a position of it is open."""

import pytest

from bot.safety.breakers.endings import _is_held
from models.enums import ScopeKind
from models.tables import BreakerTripRow


@pytest.mark.parametrize(
    ("kind", "key", "held"),
    [
        (ScopeKind.SYMBOL, "BTCUSDT", True),
        (ScopeKind.SYMBOL, "ETHUSDT", False),
        (ScopeKind.STRATEGY, "alpha", True),
        (ScopeKind.STRATEGY, "beta", False),
        (ScopeKind.ACCOUNT, "main", True),
    ],
)
def test_each_scope_looks_at_its_own_positions(kind: ScopeKind, key: str, held: bool) -> None:
    row = BreakerTripRow(scope_kind=kind, scope_key=key)
    assert _is_held(row, {"BTCUSDT"}, {"alpha"}) is held


def test_an_account_without_positions_is_flat_whatever_strategies_share() -> None:
    row = BreakerTripRow(scope_kind=ScopeKind.ACCOUNT, scope_key="main")
    assert not _is_held(row, set(), {"alpha"})
