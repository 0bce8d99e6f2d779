"""Settings refuse what is unsafe, and show no secret."""

from pathlib import Path

import pytest

from config.settings import SettingsError, load_settings
from tests.unit.config.a_home import running_system, secret_file

pytestmark = pytest.mark.usefixtures("home")


def test_a_market_key_that_can_be_guessed_is_refused_without_being_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MLRISK_MARKET_KEY", "hidden-word")
    with pytest.raises(SettingsError, match=r"MLRISK_MARKET_KEY: .*16") as caught:
        load_settings()
    assert "hidden-word" not in str(caught.value)


def test_no_secret_shows_in_a_representation(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MLRISK_DATABASE_URL_FILE", secret_file(tmp_path, "any://hidden-word"))
    monkeypatch.setenv("MLRISK_API_SECRET", "hidden-word")
    assert "hidden-word" not in repr(load_settings())


def test_what_is_needed_and_not_set_is_named_with_what_to_do() -> None:
    settings = load_settings()
    with pytest.raises(SettingsError, match=r"MLRISK_DATABASE_URL is not set.*mlrisk up"):
        settings.require_database_url()
    with pytest.raises(SettingsError, match=r"MLRISK_REDIS_URL is not set.*mlrisk up"):
        settings.require_redis_url()
    with pytest.raises(SettingsError, match="MLRISK_EXCHANGE_URL is not set"):
        settings.require_exchange_url()


def test_the_keys_of_a_running_system_are_read_when_the_exchange_is_asked(
    monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    key, secret = home / "key", home / "secret"
    running_system(home, MLRISK_API_KEY_FILE=str(key), MLRISK_API_SECRET_FILE=str(secret))
    settings = load_settings()  # a halt needs none of them: there may be no such file
    with pytest.raises(SettingsError, match=r"MLRISK_API_KEY_FILE: .* can't be read"):
        settings.exchange_keys()
    key.write_text("k")
    secret.write_text("s")
    found = settings.model_copy(update={"account": "paper"}).exchange_keys()
    assert found is not None
    assert [part.get_secret_value() for part in found] == ["k", "s"]
    assert "'k'" not in repr(settings)
    monkeypatch.setenv("MLRISK_API_KEY", "own")
    monkeypatch.setenv("MLRISK_API_SECRET", "too")
    own = load_settings().exchange_keys()
    assert own is not None
    assert [part.get_secret_value() for part in own] == ["own", "too"]


def test_a_process_without_keys_starts_in_every_mode_and_takes_none(
    monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    running_system(home, MLRISK_API_KEY_FILE=str(home / "key"))
    monkeypatch.setenv("MLRISK_EXCHANGE_MODE", "testnet")
    with pytest.raises(SettingsError, match="MLRISK_API_KEY and MLRISK_API_SECRET are the paper"):
        load_settings()
    monkeypatch.setenv("MLRISK_HOLDS_KEYS", "false")
    assert load_settings().exchange_keys() is None
    monkeypatch.setenv("MLRISK_API_KEY", "own")
    with pytest.raises(SettingsError, match="MLRISK_HOLDS_KEYS is false"):
        load_settings()
