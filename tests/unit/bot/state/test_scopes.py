"""Scopes as people write them."""

import pytest

from bot.errors import Refused
from bot.state.scopes import parse


@pytest.mark.parametrize(
    ("text", "scope", "chain"),
    [
        ("global", "global:*", "global"),
        (" Global:* ", "global:*", "global"),
        ("account", "account:paper", "paper"),
        ("account:paper", "account:paper", "paper"),
        ("strategy:momentum", "strategy:momentum", "global"),
        ("symbol:btcusdt", "symbol:BTCUSDT", "global"),
    ],
)
def test_a_scope_is_read_as_audit_entries_name_it(text: str, scope: str, chain: str) -> None:
    found = parse(text, "paper")
    assert (str(found), found.chain) == (scope, chain)


@pytest.mark.parametrize("text", ["", "all", "account:other", "strategy:", "symbol:a b", "symbol"])
def test_another_word_is_refused(text: str) -> None:
    with pytest.raises(Refused, match="is no scope"):
        parse(text, "paper")
