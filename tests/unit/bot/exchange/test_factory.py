"""The factory is the one door to an adapter."""

import pytest

from bot.clock import FixedClock
from bot.exchange import factory
from bot.exchange.bybit import adapter
from bot.exchange.factory import Adapter, make_exchange, make_streams
from config.settings import Settings, SettingsError
from tests.support.fakes import T0


def test_bybits_module_is_an_adapter() -> None:
    found: Adapter = adapter
    assert found.exchange.__doc__
    assert found.streams.__doc__


def test_an_exchange_without_an_adapter_is_refused_by_its_name() -> None:
    settings = Settings(exchange="elsewhere")
    with pytest.raises(SettingsError, match=r"MLRISK_EXCHANGE is elsewhere: .* bybit"):
        make_exchange(settings, FixedClock(T0))
    with pytest.raises(SettingsError, match="MLRISK_EXCHANGE"):
        make_streams(settings)


def test_every_adapter_of_the_table_has_both_functions() -> None:
    for name in factory.ADAPTERS:
        found = factory.adapter_of(Settings(exchange=name))
        assert callable(found.exchange)
        assert callable(found.streams)
