"""Unsigned messages are named; in production they are a fault."""

import pytest

from config.settings import Environment, Settings
from console.views.doctor.message_line import message_line


@pytest.mark.parametrize(
    ("environment", "ok"), [(Environment.DEVELOPMENT, True), (Environment.PRODUCTION, False)]
)
def test_without_a_key_anybody_at_the_broker_can_ask(environment: Environment, ok: bool) -> None:
    # Production's settings refuse to be made without the key; the doctor still says why.
    settings = Settings().model_copy(update={"environment": environment})
    line = message_line(settings)
    assert line.ok is ok
    assert "MLRISK_MESSAGE_KEY is not set" in line.detail
