"""A symbol that the exchange refuses is a row of the heartbeat and an entry of the audit record."""

from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from bot.exchange.bybit.config import BybitConfig, BybitMode
from bot.exchange.bybit.streams import public_stream
from bot.exchange.streams import StreamEvent, StreamState
from bot.market.frames import BookFrame
from paper_exchange.testing import PaperExchangeProcess
from tests.support.desk import ACCOUNT, Desk
from tests.support.waiting import eventually
from workers.celery.refusals import Refusals, beat_of

pytestmark = pytest.mark.services


@pytest.fixture
def paper() -> Iterator[PaperExchangeProcess]:
    with PaperExchangeProcess("--market", "synthetic", "--seed", "11") as server:
        yield server


def test_a_mistyped_symbol_is_told_once_and_the_others_have_a_market(
    desk: Desk, paper: PaperExchangeProcess
) -> None:
    heard: list[StreamEvent] = []
    stream = public_stream(
        BybitConfig(
            api_key=SecretStr(paper.api_key),
            api_secret=SecretStr(paper.api_secret),
            mode=BybitMode.PAPER,
            endpoint=paper.url,
        ),
        ("BTCUDST", "BTCUSDT"),
        on_event=heard.append,
        on_gap=lambda _: None,
    )
    stream.start()
    try:
        eventually(lambda: any(isinstance(event, BookFrame) for event in list(heard)))
        health = stream.health()
    finally:
        stream.stop()
    assert health.state is StreamState.LIVE
    beat = beat_of([health])
    assert list(beat["refused"]) == ["BTCUDST"]  # type: ignore[call-overload]
    refusals = Refusals(desk.db, ACCOUNT, desk.clock)
    for _ in range(2):
        refusals.note(health.refused)
    assert desk.audit_kinds().count("symbol_refused") == 1
    refusals.note({})
    assert desk.audit_kinds().count("symbol_taken") == 1
