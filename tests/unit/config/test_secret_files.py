"""Secrets of settings come from files."""

from pathlib import Path

import pytest

from config.secret_files import secret_variables
from config.settings import Settings, SettingsError, load_settings
from tests.unit.config.a_home import running_system, secret_file

pytestmark = pytest.mark.usefixtures("home")


def test_every_secret_setting_may_be_a_file_and_nothing_else_may(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    secrets = {"database_url", "redis_url", "market_key", "message_key"}
    secrets |= {"api_key", "api_secret"}
    purposes = ("owner", "operator", "audit", "exporter", "viewer", "bootstrap")
    secrets |= {f"{purpose}_database_url" for purpose in purposes}
    assert set(secret_variables(Settings)) == secrets
    path = secret_file(tmp_path, "any://a-word-from-the-file\n")
    for variable in secret_variables(Settings).values():
        monkeypatch.setenv(f"{variable}_FILE", path)
    settings = load_settings()
    for name in secret_variables(Settings):
        assert getattr(settings, name).get_secret_value() == "any://a-word-from-the-file"
    monkeypatch.setenv("MLRISK_ACCOUNT_FILE", path)
    with pytest.raises(SettingsError, match="unknown settings MLRISK_ACCOUNT_FILE"):
        load_settings()


def test_a_secret_file_comes_before_the_running_system(
    monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    running_system(home, MLRISK_REDIS_URL="redis://of-the-home")
    monkeypatch.setenv("MLRISK_REDIS_URL_FILE", secret_file(home, "redis://of-the-file"))
    assert load_settings().require_redis_url() == "redis://of-the-file"


def test_a_secret_given_twice_must_be_the_same(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MLRISK_API_KEY_FILE", secret_file(tmp_path, "one"))
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
