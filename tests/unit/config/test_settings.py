"""Settings come from the environment and from the running system."""

from pathlib import Path

import pytest

from config.settings import Environment, SettingsError, load_settings
from tests.unit.config.a_home import running_system

pytestmark = pytest.mark.usefixtures("home")


def test_the_environment_comes_before_the_running_system_and_that_before_defaults(
    monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    running_system(home, MLRISK_ACCOUNT="theirs", MLRISK_SYMBOLS="ETHUSDT")
    monkeypatch.setenv("MLRISK_ACCOUNT", "mine")
    settings = load_settings()
    assert settings.account == "mine"
    assert settings.symbol_list == ("ETHUSDT",)
    assert settings.environment is Environment.DEVELOPMENT


def test_an_unknown_variable_stops_the_start_with_its_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MLRISK_DATABSE_URL", "postgresql://x")
    with pytest.raises(SettingsError, match="MLRISK_DATABSE_URL"):
        load_settings()


def test_a_wrong_value_is_named_without_being_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLRISK_LEASE_SECONDS", "minus-seven")
    with pytest.raises(SettingsError, match="MLRISK_LEASE_SECONDS") as caught:
        load_settings()
    assert "minus-seven" not in str(caught.value)


def test_an_empty_variable_is_one_that_is_not_set(
    monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    """Compose files pass every variable on, set or not."""
    running_system(home, MLRISK_EXCHANGE_URL="http://127.0.0.1:5")
    for name in ("ACCOUNT", "EXCHANGE_MODE", "EXCHANGE_URL", "API_KEY_FILE", "LEASE_SECONDS"):
        monkeypatch.setenv(f"MLRISK_{name}", "")
    settings = load_settings()
    assert settings.account == "paper"
    assert settings.require_exchange_url() == "http://127.0.0.1:5"
