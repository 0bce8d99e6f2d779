"""Lines of the log, with text of others in them."""

import ast
import json
import logging
from collections.abc import Iterator

import pytest

from tests.support.repository import ROOT
from workers.logs import configure_logging, event_of

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
    assert json.loads(first)["message"].startswith("reason: \\x1b[2J\\x0dgone\\x9b31m\\n2026-")
    assert json.loads(first)["event"] == "reason"
    assert json.loads(second)["why"] == ATTACK
    assert "ValueError: \\x1b[2J" in json.loads(third)["exception"]


@pytest.mark.parametrize(
    ("text", "event"),
    [
        ("task %s failed: %s", "task_failed"),
        ("stream %s down: %s; again in %.1f s", "stream_down_again_in_s"),
        ("Postgres can't be reached: %s", "postgres_cant_be_reached"),
    ],
)
def test_an_event_is_the_words_without_what_is_filled_in(text: str, event: str) -> None:
    assert event_of(text) == event


def test_a_call_may_name_its_event_and_a_line_for_people_has_the_sentence(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for log_format in ("json", "text"):
        configure_logging(log_format)
        logging.getLogger("test.logs").info("it took %d s", 3, extra={"event": "timed"})
    machines, people = capsys.readouterr().err.splitlines()
    found = json.loads(machines)
    assert (found["event"], found["message"]) == ("timed", "it took 3 s")
    assert "it took 3 s" in people


def log_calls(text: str) -> Iterator[ast.Call]:
    levels = ("debug", "info", "warning", "error", "exception", "critical", "log")
    for node in ast.walk(ast.parse(text)):
        called = node.func if isinstance(node, ast.Call) else None
        if isinstance(called, ast.Attribute) and called.attr in levels:
            owner = ast.unparse(called.value)
            if owner in ("log", "logger", "logging") and isinstance(node, ast.Call):
                yield node


def nameless(text: str) -> list[int]:
    """Lines of the calls whose event could change with a value, or that have none."""
    found = []
    for call in log_calls(text):
        said = call.args[1 if ast.unparse(call.func).endswith(".log") else 0]
        named = [k.value for k in call.keywords if k.arg == "extra"]
        explicit = [
            value
            for extra in named
            if isinstance(extra, ast.Dict)
            for key, value in zip(extra.keys, extra.values, strict=True)
            if isinstance(key, ast.Constant) and key.value == "event"
        ]
        constant = isinstance(said, ast.Constant) and isinstance(said.value, str)
        fixed = all(_is_fixed(each) for each in explicit)
        if not (constant and fixed and (explicit or "_" in event_of(str(said.value)))):
            found.append(call.lineno)
    return found


def _is_fixed(value: ast.expr) -> bool:
    """Whether a value is a text or the name of a constant."""
    return isinstance(value, ast.Constant) or (isinstance(value, ast.Name) and value.id.isupper())


def test_every_call_has_a_stable_event() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}"
        for room in ("bot", "config", "console", "models", "tasks", "workers")
        for path in sorted((ROOT / room).rglob("*.py"))
        for line in nameless(path.read_text(encoding="utf-8"))
    ]
    assert found == []


@pytest.mark.parametrize(
    "line",
    [
        'log.warning(f"{name} failed")',
        'log.warning("%s", warning)',
        "log.error(text)",
        'log.info("it ended", extra={"event": kind})',
        "log.log(level, problem)",
    ],
)
def test_the_check_of_events_bites(line: str) -> None:
    assert nameless(line) == [1]
