"""A process that isn't its database's is refused by the first difference, with what to do."""

from dataclasses import replace
from typing import Any

import pytest

from bot.state.identity import Identity, WrongIdentity, compare
from config.settings import Environment, TradingMode

BOUND = Identity("main", "paper", "77", Environment.PRODUCTION, TradingMode.CONSERVATIVE)


def test_the_same_identity_passes_and_an_earlier_version_knows_no_limits() -> None:
    compare(BOUND, BOUND)
    compare(replace(BOUND, environment=None, trading_mode=None), BOUND)


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        ({"account": "other"}, "wrong_account", "MLRISK_ACCOUNT says other"),
        ({"mode": "live"}, "wrong_mode", "MLRISK_EXCHANGE_MODE=paper"),
        ({"exchange_uid": "78"}, "wrong_uid", "those of 78"),
        ({"environment": Environment.DEVELOPMENT}, "wrong_environment", "MLRISK_ENVIRONMENT"),
    ],
)
def test_each_difference_is_named(change: dict[str, Any], code: str, words: str) -> None:
    with pytest.raises(WrongIdentity, match=words) as refused:
        compare(BOUND, replace(BOUND, **change))
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("environment", "mode", "guarded"),
    [
        (Environment.DEVELOPMENT, "paper", False),
        (Environment.DEVELOPMENT, "live", True),
        (Environment.PRODUCTION, "paper", True),
        (None, "paper", True),
    ],
)
def test_only_development_without_real_money_is_unguarded(
    environment: Environment | None, mode: str, guarded: bool
) -> None:
    assert Identity("main", mode, "77", environment).is_guarded is guarded
