"""With real money the watchdog runs, by a key that is not the system's."""

import pytest

from config.identity import ExchangeMode
from config.settings import ChildSettings, Settings
from console.errors import CommandError
from console.runtime.system import _watchdog_keys

OWN = {"MLRISK_API_KEY": "a", "MLRISK_API_SECRET": "b"}
WATCHDOG = {"MLRISK_WATCHDOG_API_KEY": "c", "MLRISK_WATCHDOG_API_SECRET": "d"}


def keys(mode: ExchangeMode, watchdog: dict[str, str]) -> dict[str, str]:
    settings = Settings.model_construct(exchange_mode=mode, exchange="bybit")
    return _watchdog_keys(settings, ChildSettings({}, OWN, watchdog, {}))


def test_real_money_does_not_start_without_a_watchdog() -> None:
    with pytest.raises(CommandError, match="WATCHDOG_API_KEY"):
        keys(ExchangeMode.LIVE, {})
    assert keys(ExchangeMode.LIVE, WATCHDOG) == WATCHDOG
    assert keys(ExchangeMode.TESTNET, {}) == {}


@pytest.mark.parametrize("mode", [ExchangeMode.LIVE, ExchangeMode.DEMO])
def test_the_systems_own_key_is_refused(mode: ExchangeMode) -> None:
    same = {"MLRISK_WATCHDOG_API_KEY": "a", "MLRISK_WATCHDOG_API_SECRET": "b"}
    with pytest.raises(CommandError, match="another key"):
        keys(mode, same)
