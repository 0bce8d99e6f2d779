"""Channels through real apprise: told once, tried again, never waited for too long."""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from email.header import decode_header, make_header

import pytest
from sqlalchemy import select, update

from bot.clock import SystemClock
from bot.safety.alerts.telling import CHANNEL_SILENT
from models.database import Database
from models.enums import AlertState
from models.tables import AlertChannelRow, AlertDeliveryRow, AlertRow
from tests.integration.workers.alerting.conftest import ACCOUNT
from tests.support.processes.people import Mail, Webhook
from tests.support.waiting import eventually
from workers.alerting.main import Alerting
from workers.alerting.sending import Sender

pytestmark = pytest.mark.services

ATTACK = "gone\r\nBcc: all@example.org\r\n\r\n<b>x</b>"
Make = Callable[[str], Alerting]


def lose(db: Database, why: str = "gone", kind: str = "order_lost", subject: str = "r-1") -> None:
    with db.unit_of_work() as uow:
        uow.audit(ACCOUNT, kind, subject, "test", {"why": why}, SystemClock().now())
        uow.commit()


def sender(alerting: Alerting, name: str) -> Sender:
    return next(each for each in alerting.senders if each.name == name)


def due_now(db: Database) -> None:
    """As if the wait for the next attempt were over."""
    with db.transaction() as session:
        session.execute(update(AlertDeliveryRow).values(next_at=SystemClock().now()))


def deliveries(db: Database) -> list[AlertDeliveryRow]:
    with db.reading() as session:
        rows = select(AlertDeliveryRow).order_by(
            AlertDeliveryRow.alert_id, AlertDeliveryRow.round, AlertDeliveryRow.channel
        )
        return list(session.scalars(rows))


def test_mail_and_webhook_are_told_once_and_text_of_others_makes_no_header(
    db: Database, alerting: Make, webhook: Webhook, mail: Mail
) -> None:
    one = alerting(f"desk warning {mail.url}\nhook info {webhook.url}\npager emergency {mail.url}")
    lose(db, ATTACK)
    one.look()
    one.look()
    for _ in range(2):
        for each in one.senders:
            each.tell_next()
    (got,), (posted,) = mail.got, webhook.got
    subject = str(make_header(decode_header(str(got["Subject"]))))
    assert subject.startswith("mlrisk paper CRITICAL: an order is neither open nor filled")
    assert subject == posted["title"]
    assert got["Bcc"] is None
    assert [str(got[name]) for name in ("To", "X-RcptTo")] == ["desk@example.org"] * 2
    whole = str(got.get_payload(decode=True) or got)
    assert "<b>" not in whole + str(posted)
    assert "gone\\x0d\\nBcc" in posted["message"]
    rows = deliveries(db)
    assert [(row.channel, row.attempts) for row in rows] == [("desk", 1), ("hook", 1)]
    assert all(row.delivered_at is not None and row.error is None for row in rows)
    with db.reading() as session:
        found = session.scalars(select(AlertChannelRow)).all()
    assert {row.service for row in found} == {"mailto", "json"}
    assert "s3cret" not in str([vars(row) for row in (*found, *rows)])


def test_a_refused_message_is_tried_again_and_the_channels_silence_is_told_on_the_others(
    db: Database, alerting: Make, webhook: Webhook, mail: Mail
) -> None:
    one = alerting(f"hook info {webhook.url}\npager emergency {mail.url}")
    webhook.status = 500
    lose(db)
    one.look()
    hook = sender(one, "hook")
    for _ in range(3):
        assert not hook.tell_next()
        due_now(db)
    (row,) = deliveries(db)
    assert (row.attempts, row.delivered_at) == (3, None)
    assert row.error == "the channel did not take the message"
    one.look()
    # Although the pager wants emergencies alone.
    assert sender(one, "pager").tell_next()
    assert "the alert channel hook takes no messages" in str(mail.got[0]["Subject"])
    webhook.status = 200
    assert hook.tell_next()
    with db.reading() as session:
        alert = session.scalars(select(AlertRow).where(AlertRow.kind == CHANNEL_SILENT)).one()
        channel = session.get_one(AlertChannelRow, "hook")
    assert alert.state is AlertState.CLEARED
    assert (channel.failures, channel.error) == (0, None)
    assert "attempt: 4; the same message may have come before" in webhook.got[-1]["message"]


def test_a_sender_that_dies_between_message_and_note_repeats_it_once(
    db: Database, alerting: Make, webhook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = alerting(f"hook info {webhook.url}")
    hook = sender(one, "hook")
    lose(db)
    one.look()

    def die(*_: object) -> None:
        raise SystemExit

    with monkeypatch.context() as patched:
        patched.setattr(Sender, "_note", die)
        with pytest.raises(SystemExit):
            hook.tell_next()
    # Another one waits until the first can't be at it any more.
    assert not hook.tell_next()
    due_now(db)
    assert hook.tell_next()
    due_now(db)
    assert not hook.tell_next()
    assert len(webhook.got) == 2
    assert "message: " in webhook.got[0]["message"]
    ids = {
        line
        for message in webhook.got
        for line in message["message"].splitlines()
        if line.startswith("message: ")
    }
    assert len(ids) == 1


def test_a_flood_is_summed_up_in_the_last_message_of_the_minute(
    db: Database, alerting: Make, webhook: Webhook
) -> None:
    one = alerting(f"hook info {webhook.url}")
    for number in range(30):
        lose(db, kind="position_exit", subject=f"S{number}")
    one.look()
    one._rules = replace(one.rules(), messages_per_minute=3)
    hook = sender(one, "hook")
    while hook.tell_next():
        pass
    assert len(webhook.got) == 3
    assert "28 alerts" in webhook.titles[-1]
    assert all(row.delivered_at is not None for row in deliveries(db))


def test_the_end_of_a_condition_is_told_where_its_begin_was_told(
    db: Database, alerting: Make, webhook: Webhook
) -> None:
    one = alerting(f"hook critical {webhook.url}")
    hook = sender(one, "hook")
    for kind in ("halted", "trading_lease_withheld", "resumed", "trading_lease_granted"):
        lose(db, kind=kind, subject="global:*")
        one.look()
        hook.tell_next()
    assert ["OVER" in title for title in webhook.titles] == [False, True]


def test_a_thread_tells_within_seconds_of_the_commit(
    db: Database, alerting: Make, webhook: Webhook
) -> None:
    one = alerting(f"hook info {webhook.url}")
    stop = threading.Event()
    hook = sender(one, "hook")
    thread = threading.Thread(target=hook.run, args=(stop,))
    thread.start()
    try:
        lose(db)
        one.look()
        eventually(lambda: webhook.got, "the message")
        eventually(lambda: deliveries(db)[0].delivered_at, "the note of it")
    finally:
        stop.set()
        thread.join()
    (row,) = deliveries(db)
    assert row.began_at is not None
    assert row.delivered_at is not None
    assert row.delivered_at - row.began_at < timedelta(minutes=1)
