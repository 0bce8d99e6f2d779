"""The parts of the alerting process on a real database, with real apprise and local servers."""

from collections.abc import Callable, Iterator

import pytest

from bot.clock import SystemClock
from bot.limits.source import ConfiguredLimits
from config.settings import Settings
from models.database import Database
from tests.support.processes.people import Mail, Webhook
from workers.alerting.main import Alerting
from workers.alerting.settings import channels_of
from workers.supervision.ports import free_port

ACCOUNT = "paper"


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    """A webhook that works until a test says otherwise."""
    hook = Webhook()
    yield hook
    hook.close()


@pytest.fixture
def mail() -> Iterator[Mail]:
    """A mail server that works."""
    server = Mail(free_port())
    yield server
    server.close()


@pytest.fixture
def alerting(db: Database) -> Iterator[Callable[[str], Alerting]]:
    """The process's parts for a file of channels, without their threads."""
    made: list[Alerting] = []

    def make(channels: str) -> Alerting:
        settings = Settings(database_url="postgresql+psycopg://unused/x", paper_url="http://x")
        limits = ConfiguredLimits(settings, db, prove=lambda _: ())
        one = Alerting(db, ACCOUNT, SystemClock(), limits)
        one.declare(channels_of(channels))
        made.append(one)
        return one

    yield make
    for one in made:
        for sender in one.senders:
            sender.courier.close()
