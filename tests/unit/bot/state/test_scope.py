"""Scopes of trading states: their names are read strictly."""

import pytest

from bot.errors import Refused
from bot.state import scope
from bot.state.scope import EVERYTHING, Scope
from models.enums import ScopeKind
from models.tables import TradingStateRow


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("global", EVERYTHING),
        ("global:*", EVERYTHING),
        ("account", Scope(ScopeKind.ACCOUNT, "main")),
        ("account:other", Scope(ScopeKind.ACCOUNT, "other")),
        ("strategy:demo", Scope(ScopeKind.STRATEGY, "demo")),
        ("symbol:BTCUSDT", Scope(ScopeKind.SYMBOL, "BTCUSDT")),
    ],
)
def test_a_scope_is_read_from_its_name(text: str, meant: Scope) -> None:
    assert scope.parse(text, "main") == meant
    assert scope.parse(str(meant), "main") == meant


@pytest.mark.parametrize("text", ["", "globe", "global:x", "strategy", "symbol:", "account:"])
def test_an_unclear_scope_is_refused(text: str) -> None:
    with pytest.raises(Refused, match="a scope is"):
        scope.parse(text, "main")


def test_a_row_names_its_scope() -> None:
    row = TradingStateRow(scope_kind="symbol", scope_key="BTCUSDT")
    assert Scope.of(row) == Scope(ScopeKind.SYMBOL, "BTCUSDT")
    with pytest.raises(ValueError, match="odd"):
        Scope.of(TradingStateRow(scope_kind="odd", scope_key="BTCUSDT"))
