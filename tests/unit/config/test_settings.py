"""Settings come from the environment, from the running system, and secrets from files."""

import json
import os
from pathlib import Path

import platformdirs
import pytest

from config.settings import (
    MACHINES_HOME,
    Environment,
    SettingsError,
    default_home,
    environment_file,
    expanded,
    load_settings,
    secret_variables,
)


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A home without a running system, and an environment without settings of ours."""
    for name in [name for name in os.environ if name.startswith("MLRISK_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("MLRISK_HOME", str(tmp_path))
    return tmp_path


def _running_system(home: Path, **values: str) -> None:
    path = environment_file(home)
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(values), encoding="utf-8")


def _secret_file(directory: Path, content: str) -> str:
    path = directory / "secret.txt"
    path.write_text(content, encoding="utf-8")
    return str(path)


def test_the_environment_comes_before_the_running_system_and_that_before_defaults(
    monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    _running_system(home, MLRISK_ACCOUNT="theirs", MLRISK_SYMBOLS="ETHUSDT")
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


def test_every_secret_setting_may_be_a_file_and_nothing_else_may(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    secrets = {"database_url", "redis_url", "market_key", "message_key"}
    secrets |= {"api_key", "api_secret"}
    purposes = ("owner", "operator", "audit", "exporter", "viewer", "bootstrap")
    secrets |= {f"{purpose}_database_url" for purpose in purposes}
    assert set(secret_variables()) == secrets
    path = _secret_file(tmp_path, "any://a-word-from-the-file\n")
    for variable in secret_variables().values():
        monkeypatch.setenv(f"{variable}_FILE", path)
    settings = load_settings()
    for name in secret_variables():
        assert getattr(settings, name).get_secret_value() == "any://a-word-from-the-file"
    monkeypatch.setenv("MLRISK_ACCOUNT_FILE", path)
    with pytest.raises(SettingsError, match="unknown settings MLRISK_ACCOUNT_FILE"):
        load_settings()


def test_a_market_key_that_can_be_guessed_is_refused_without_being_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MLRISK_MARKET_KEY", "hidden-word")
    with pytest.raises(SettingsError, match=r"MLRISK_MARKET_KEY: .*16") as caught:
        load_settings()
    assert "hidden-word" not in str(caught.value)


def test_a_secret_file_comes_before_the_running_system(
    monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    _running_system(home, MLRISK_REDIS_URL="redis://of-the-home")
    monkeypatch.setenv("MLRISK_REDIS_URL_FILE", _secret_file(home, "redis://of-the-file"))
    assert load_settings().require_redis_url() == "redis://of-the-file"


def test_a_secret_given_twice_must_be_the_same(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MLRISK_API_KEY_FILE", _secret_file(tmp_path, "one"))
    monkeypatch.setenv("MLRISK_API_KEY", "one")
    assert load_settings().api_key.get_secret_value() == "one"
    monkeypatch.setenv("MLRISK_API_KEY", "two")
    with pytest.raises(SettingsError, match="MLRISK_API_KEY and MLRISK_API_KEY_FILE differ"):
        load_settings()


def test_a_secret_file_that_is_missing_empty_or_binary_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "secret.txt"
    monkeypatch.setenv("MLRISK_API_SECRET_FILE", str(path))
    for content, complaint in ((None, "can't be read"), (b" \n", "is empty"), (b"\xff", "read")):
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(SettingsError, match=f"MLRISK_API_SECRET_FILE: .*{complaint}"):
            load_settings()


def test_no_secret_shows_in_a_representation(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MLRISK_DATABASE_URL_FILE", _secret_file(tmp_path, "any://hidden-word"))
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


def test_an_empty_variable_is_one_that_is_not_set(
    monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    """Compose files pass every variable on, set or not."""
    _running_system(home, MLRISK_EXCHANGE_URL="http://127.0.0.1:5")
    for name in ("ACCOUNT", "EXCHANGE_MODE", "EXCHANGE_URL", "API_KEY_FILE", "LEASE_SECONDS"):
        monkeypatch.setenv(f"MLRISK_{name}", "")
    settings = load_settings()
    assert settings.account == "paper"
    assert settings.require_exchange_url() == "http://127.0.0.1:5"


def test_a_user_without_a_directory_has_the_machines_home(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> str:
        raise RuntimeError("could not determine the home directory")

    monkeypatch.delenv("MLRISK_HOME", raising=False)
    monkeypatch.setattr(platformdirs, "user_state_dir", unknown)
    monkeypatch.setattr(Path, "expanduser", unknown)
    assert default_home() == MACHINES_HOME
    with pytest.raises(SettingsError, match=r"give an absolute path"):
        expanded(Path("~/state"))


def test_the_keys_of_a_running_system_are_read_when_the_exchange_is_asked(
    monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    key, secret = home / "key", home / "secret"
    _running_system(home, MLRISK_API_KEY_FILE=str(key), MLRISK_API_SECRET_FILE=str(secret))
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
    _running_system(home, MLRISK_API_KEY_FILE=str(home / "key"))
    monkeypatch.setenv("MLRISK_EXCHANGE_MODE", "testnet")
    with pytest.raises(SettingsError, match="MLRISK_API_KEY and MLRISK_API_SECRET are the paper"):
        load_settings()
    monkeypatch.setenv("MLRISK_HOLDS_KEYS", "false")
    assert load_settings().exchange_keys() is None
    monkeypatch.setenv("MLRISK_API_KEY", "own")
    with pytest.raises(SettingsError, match="MLRISK_HOLDS_KEYS is false"):
        load_settings()
