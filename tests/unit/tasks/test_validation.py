"""Keys of messages: production starts with nothing less, and a header reaches the door."""

import logging

import pytest
from celery.app.task import Context

from bot.decision import signing
from config.settings import Settings, SettingsError, load_settings
from tasks import startup, validation
from tasks.startup import require_message_key


@pytest.mark.parametrize("environment", ["production", "staging", "development"])
def test_no_worker_starts_in_production_without_a_key(
    environment: str, caplog: pytest.LogCaptureFixture
) -> None:
    require_message_key(Settings(environment=environment, message_key="0123456789abcdef"))
    settings = Settings(environment=environment)
    if environment != "production":
        require_message_key(settings)
        return
    with caplog.at_level(logging.CRITICAL), pytest.raises(SystemExit) as caught:
        require_message_key(settings)
    assert caught.value.code == startup.BAD_CONFIGURATION
    assert "MLRISK_MESSAGE_KEY" in caplog.text


def test_generations_are_named_by_strategy(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings(message_key_generations="a.b:1=2,c=30").oldest_generations == {
        "a.b:1": 2,
        "c": 30,
    }
    assert Settings().oldest_generations == {}
    for wrong in ("alpha", "alpha=0", "alpha=2;beta=3", "=2", "alpha=-1"):
        monkeypatch.setenv("MLRISK_MESSAGE_KEY_GENERATIONS", wrong)
        with pytest.raises(SettingsError, match="MLRISK_MESSAGE_KEY_GENERATIONS"):
            load_settings()


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"task": "x", "id": "1", signing.HEADER: {"mac": "m"}}, {"mac": "m"}),
        ({"task": "x", "id": "1", "other": 1}, None),
        ({"task": "x", "id": "1"}, None),
        ({"task": "x", "id": "1", "headers": "of somebody"}, None),
    ],
)
def test_the_proof_is_read_from_what_celery_makes_of_a_messages_headers(
    headers: dict[str, object], expected: object
) -> None:
    assert validation.proof_of(Context(headers)) == expected
