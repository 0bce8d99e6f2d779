"""The settings of a process decide which account at Bybit it reaches, and with which keys."""

from typing import Any

import pytest
from pydantic import SecretStr

from bot.clock import FixedClock
from bot.exchange.bybit import adapter
from bot.exchange.bybit.config import BybitMode
from bot.exchange.bybit.http import BybitExchange
from config.settings import ExchangeMode, Settings
from tests.unit.bot.risk.cases import NOW

KEYS: dict[str, Any] = {"api_key": SecretStr("k" * 12), "api_secret": SecretStr("s" * 12)}


def test_on_paper_everything_goes_to_the_named_server() -> None:
    settings = Settings(exchange_url="http://127.0.0.1:8099")
    found = adapter.bybit_config(settings)
    assert found.mode is BybitMode.PAPER
    assert found.endpoint == "http://127.0.0.1:8099"
    assert isinstance(adapter.exchange(settings, FixedClock(NOW)), BybitExchange)
    assert isinstance(adapter.streams(settings), adapter.BybitStreams)


def test_on_paper_without_a_server_nothing_is_guessed() -> None:
    with pytest.raises(Exception, match="MLRISK_EXCHANGE_URL"):
        adapter.bybit_config(Settings())


def test_elsewhere_the_exchanges_own_addresses_are_taken() -> None:
    found = adapter.bybit_config(Settings(exchange_mode=ExchangeMode.TESTNET, **KEYS))
    assert found.mode is BybitMode.TESTNET
    assert found.endpoint is None
