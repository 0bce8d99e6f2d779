"""Combinations of settings that no process starts with, and where streams come from."""

import os
from pathlib import Path

import pytest

from bot.exchange.bybit.adapter import bybit_config
from config.settings import SettingsError, load_settings

OWN = {"API_KEY": "own-key", "API_SECRET": "own-secret"}
LIVE = {
    **OWN,
    "EXCHANGE_MODE": "live",
    "ACCOUNT": "main",
    "ENVIRONMENT": "production",
    "TRADING_MODE": "conservative",
}
TESTNET = {**OWN, "EXCHANGE_MODE": "testnet"}
DEMO = {**OWN, "EXCHANGE_MODE": "demo"}
PAPER: dict[str, str] = {}


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("MLRISK_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("MLRISK_HOME", str(tmp_path))


def start(monkeypatch: pytest.MonkeyPatch, values: dict[str, str]) -> None:
    for name, value in values.items():
        monkeypatch.setenv(f"MLRISK_{name}", value)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"EXCHANGE_MODE": "live"}, "MLRISK_ENVIRONMENT=development and MLRISK_TRADING_MODE=paper"),
        ({"EXCHANGE_MODE": "live"}, "MLRISK_ACCOUNT is paper"),
        ({"EXCHANGE_MODE": "live"}, "MLRISK_API_KEY and MLRISK_API_SECRET are the paper"),
        ({**LIVE, "ENVIRONMENT": ""}, "MLRISK_ENVIRONMENT=development would trade real money"),
        ({**LIVE, "TRADING_MODE": "paper_trading"}, "MLRISK_TRADING_MODE=paper_trading would"),
        ({**LIVE, "EXCHANGE_URL": "http://paper-exchange:8099"}, "must begin with https://"),
        ({**TESTNET, "EXCHANGE_URL": "http://api-testnet.bybit.com"}, "must begin with https://"),
        ({**LIVE, "EXCHANGE_URL": "https://api-testnet.bybit.com"}, "not the host of mode live"),
        ({**TESTNET, "EXCHANGE_URL": "https://api.bybit.com"}, "not the host of mode testnet"),
        ({**LIVE, "EXCHANGE_URL": "https://gateway.example"}, "set MLRISK_STREAM_URL too"),
        ({**DEMO, "EXCHANGE_URL": "https://api-demo.bytick.com"}, "set MLRISK_STREAM_URL too"),
        (
            {
                **LIVE,
                "EXCHANGE_URL": "https://gateway.example",
                "STREAM_URL": "wss://stream.bybit.com",
            },
            "they must be of one exchange",
        ),
        (
            {
                **LIVE,
                "EXCHANGE_URL": "https://gateway.example",
                "STREAM_URL": "ws://gateway.example",
            },
            "must begin with wss://",
        ),
        ({**LIVE, "STREAM_URL": "wss://stream.bybit.com"}, "give both or neither"),
        ({"EXCHANGE_URL": "https://api.bybit.com"}, "and MLRISK_EXCHANGE_MODE is paper"),
        (
            {"EXCHANGE_URL": "http://127.0.0.1:5", "STREAM_URL": "ws://127.0.0.1:6"},
            "name one host",
        ),
    ],
)
def test_a_dangerous_combination_does_not_start(
    monkeypatch: pytest.MonkeyPatch, values: dict[str, str], words: str
) -> None:
    start(monkeypatch, values)
    with pytest.raises(SettingsError, match=words):
        load_settings()


def test_real_money_under_development_limits_must_be_said_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    start(monkeypatch, {**LIVE, "ENVIRONMENT": "development", "TRADING_MODE": ""})
    with pytest.raises(SettingsError, match="MLRISK_LIVE_WITH_DEVELOPMENT_LIMITS=true"):
        load_settings()
    monkeypatch.setenv("MLRISK_LIVE_WITH_DEVELOPMENT_LIMITS", "true")
    assert load_settings().live_with_development_limits


@pytest.mark.parametrize(
    ("values", "rest", "streams"),
    [
        (LIVE, None, None),
        (TESTNET, None, None),
        (
            {**LIVE, "EXCHANGE_URL": "https://api.bytick.com"},
            "https://api.bytick.com",
            "wss://stream.bytick.com",
        ),
        (
            {**TESTNET, "EXCHANGE_URL": "https://api-testnet.bybit.nl"},
            "https://api-testnet.bybit.nl",
            "wss://stream-testnet.bybit.nl",
        ),
        (
            {**DEMO, "EXCHANGE_URL": "https://api-demo.bybit.com"},
            "https://api-demo.bybit.com",
            None,
        ),
        (
            {
                **LIVE,
                "EXCHANGE_URL": "https://gateway.example",
                "STREAM_URL": "wss://gateway.example",
            },
            "https://gateway.example",
            "wss://gateway.example",
        ),
        (
            {**PAPER, "EXCHANGE_URL": "http://127.0.0.1:5"},
            "http://127.0.0.1:5",
            "ws://127.0.0.1:5",
        ),
        ({**PAPER, "PAPER_URL": "http://paper:8099"}, "http://paper:8099", "ws://paper:8099"),
        ({**LIVE, "PAPER_URL": "http://paper:8099"}, None, None),
    ],
)
def test_rest_and_streams_go_to_one_place(
    monkeypatch: pytest.MonkeyPatch, values: dict[str, str], rest: str | None, streams: str | None
) -> None:
    start(monkeypatch, values)
    config = bybit_config(load_settings())
    assert (config.endpoint, config.stream_base) == (rest, streams)
