"""The watchdog has a key of its own and knows where the exchange is."""

import pytest
from pydantic import SecretStr

from config.identity import ExchangeMode
from config.settings import SettingsError
from workers.watchdog.settings import HOSTS, WatchdogSettings

KEYS = {"watchdog_api_key": SecretStr("k"), "watchdog_api_secret": SecretStr("s")}


def test_without_a_key_of_its_own_it_does_not_start() -> None:
    with pytest.raises(SettingsError, match="MLRISK_WATCHDOG_API_KEY"):
        WatchdogSettings(watchdog_api_key=SecretStr("k")).require_keys()
    key, secret = WatchdogSettings(**KEYS).require_keys()
    assert (key.get_secret_value(), secret.get_secret_value()) == ("k", "s")


def test_it_refuses_an_exchange_that_it_does_not_know() -> None:
    with pytest.raises(SettingsError, match="bybit"):
        WatchdogSettings(exchange="another", **KEYS).require_keys()


def test_an_address_of_ones_own_comes_first_and_paper_trading_needs_one() -> None:
    own = "https://proxy.example"
    for mode, host in HOSTS.items():
        assert WatchdogSettings(exchange_mode=mode).base_url() == host
        assert WatchdogSettings(exchange_mode=mode, exchange_url=own).base_url() == own
    paper = WatchdogSettings(exchange_mode=ExchangeMode.PAPER, paper_url="http://127.0.0.1:1")
    assert paper.base_url() == "http://127.0.0.1:1"
    with pytest.raises(SettingsError, match="MLRISK_EXCHANGE_URL"):
        WatchdogSettings(exchange_mode=ExchangeMode.PAPER).base_url()
