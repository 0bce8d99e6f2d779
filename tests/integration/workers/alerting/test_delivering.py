"""A courier: real apprise in a process that is ended when its channel takes too long."""

from pathlib import Path

import pytest

from bot.safety.alerts.messages import Message
from tests.support.processes.people import Webhook
from workers.alerting import courier
from workers.alerting.delivering import ENDED, TOO_LATE, Courier
from workers.alerting.settings import channels_of

HELLO = Message("hello", "world")


def of(url: str) -> Courier:
    (one,) = channels_of(f"one info {url}")
    return Courier(one)


def test_a_channel_that_hangs_is_given_up_in_time_and_its_process_is_gone(webhook: Webhook) -> None:
    one = of(webhook.url)
    assert one.open() is None
    process = one._process
    assert process is not None
    webhook.hangs = True
    assert one.send(HELLO, "info", 0.5) == TOO_LATE
    assert process.poll() is not None
    webhook.hangs = False
    webhook.released.set()
    assert one.send(HELLO, "info", 60) is None
    assert webhook.titles == ["hello", "hello"]
    again = one._process
    assert again is not None
    again.kill()
    again.wait()
    # The next message starts another process.
    assert one.send(HELLO, "info", 60) is None
    one.close()


def test_a_server_that_refuses_or_is_away_is_told_without_the_address(webhook: Webhook) -> None:
    webhook.status = 503
    one = of(webhook.url)
    assert one.send(HELLO, "info", 60) == courier.NOT_TAKEN
    one.close()
    away = of("json://user:s3cret@127.0.0.1:1/")
    assert away.send(HELLO, "info", 60) == courier.NOT_TAKEN
    away.close()


def test_an_address_that_apprise_does_not_know_is_told_without_the_address() -> None:
    one = of("nonsense://s3cret")
    problem = one.send(HELLO, "info", 60)
    assert problem in (courier.NOT_UNDERSTOOD, courier.NOT_INSTALLED)
    assert one._process is None
    assert one._ask({}, 1) == ENDED


def test_the_process_has_no_setting_of_ours_and_no_address_on_its_command_line(
    webhook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLRISK_DATABASE_URL", "postgresql://user:pw@host/x")
    one = of(webhook.url)
    assert one.open() is None
    assert one._process is not None
    process = Path(f"/proc/{one._process.pid}")
    assert b"s3cret" not in (process / "cmdline").read_bytes()
    assert b"MLRISK" not in (process / "environ").read_bytes()
    one.close()
