"""The courier's answers show nothing of a channel's address."""

import io
import json
import queue

import pytest

from workers.alerting import courier


class Channel:
    """A channel that takes a message, refuses it, or fails."""

    def __init__(self, answer: bool | Exception) -> None:
        self.answer = answer
        self.got: list[dict[str, object]] = []

    def notify(self, **message: object) -> bool:
        self.got.append(message)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def answers(monkeypatch: pytest.MonkeyPatch, channel: Channel, messages: int) -> list[str]:
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()
    lines.put(json.dumps({"url": "json://s3cret@host"}))
    for number in range(messages):
        lines.put(json.dumps({"title": f"t{number}", "body": "b", "type": "info"}))
    lines.put("this ends the test")
    out = io.StringIO()
    monkeypatch.setattr("sys.stdout", out)
    monkeypatch.setattr(courier, "channel_of", lambda _: channel)
    with pytest.raises(json.JSONDecodeError):
        courier.serve(lines)
    return out.getvalue().splitlines()


def test_each_message_has_one_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    channel = Channel(True)
    assert answers(monkeypatch, channel, 2) == [
        courier.READY,
        courier.DELIVERED,
        courier.DELIVERED,
    ]
    assert [message["title"] for message in channel.got] == ["t0", "t1"]
    assert {message["body_format"] for message in channel.got} == {"text"}


def test_a_refusal_and_an_error_are_answers_and_the_error_is_named_by_its_kind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert answers(monkeypatch, Channel(False), 1)[1] == courier.NOT_TAKEN
    error = Channel(RuntimeError("could not reach json://s3cret@host"))
    assert answers(monkeypatch, error, 1)[1] == f"{courier.NOT_TAKEN} (RuntimeError)"
