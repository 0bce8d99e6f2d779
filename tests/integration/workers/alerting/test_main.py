"""The alerting process tells of an outage of Postgres without Postgres."""

from collections.abc import Callable

import pytest

from models.database import Database
from tests.support.processes.people import Webhook
from workers.alerting.main import Alerting

pytestmark = pytest.mark.services

Make = Callable[[str], Alerting]


def test_an_outage_of_postgres_is_told_without_it(
    db: Database, alerting: Make, webhook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = alerting(f"hook info {webhook.url}")
    hook = one.senders[0]
    away = Database("postgresql+psycopg://nobody:x@127.0.0.1:1/none")
    monkeypatch.setattr(one, "db", away)
    one.look()
    assert hook.urgent.empty()
    monkeypatch.setattr(one, "_answered", one._answered - 60)
    one.look()
    one.look()
    hook.tell_urgent()
    hook.tell_urgent()
    assert [title.split(": ")[1] for title in webhook.titles] == ["Postgres can't be reached"]
    monkeypatch.setattr(one, "db", db)
    one.look()
    hook.tell_urgent()
    assert webhook.titles[-1].endswith("Postgres answers again")
    away.dispose()
