"""Lines of the log, with text of others in them."""

import json
import logging
from collections.abc import Iterator

import pytest

from workers.logs import configure_logging

ATTACK = "\x1b[2J\rgone\x9b31m\n2026-01-01T00:00:00Z [info] all is well\u202e\u2028"
ACTS = "\x1b\r\x9b\u202e\u2028"


@pytest.fixture(autouse=True)
def _former_handlers() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    root.handlers = handlers
    root.setLevel(level)


def logged(capsys: pytest.CaptureFixture[str], log_format: str) -> str:
    configure_logging(log_format)
    log = logging.getLogger("test.logs")
    log.warning("reason: %s", ATTACK)
    log.warning("with a field", extra={"why": ATTACK})
    try:
        raise ValueError(ATTACK)
    except ValueError:
        log.exception("failed")
    return capsys.readouterr().err


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_text_of_others_steers_no_terminal_and_makes_no_line(
    log_format: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text = logged(capsys, log_format)
    assert not [character for character in ACTS if character in text]
    own = [line for line in text.split("\n") if line and not line.startswith("  ")]
    assert len([line for line in own if not line.startswith("Traceback ")]) == 3
    assert not [line for line in own if line.startswith("2026-01-01")]


def test_what_was_said_can_still_be_read(capsys: pytest.CaptureFixture[str]) -> None:
    first, second, third = logged(capsys, "json").splitlines()
    assert json.loads(first)["event"].startswith("reason: \\x1b[2J\\x0dgone\\x9b31m\\n2026-")
    assert json.loads(second)["why"] == ATTACK
    assert "ValueError: \\x1b[2J" in json.loads(third)["exception"]
