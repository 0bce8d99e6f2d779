"""What a system no longer hears is named: its feed, its markets, its instruments."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from bot.decision.forged_market import ForgedMarket
from models.enums import OperatorRole
from models.tables import (
    HeartbeatRow,
    InstrumentRow,
    OperatorRow,
)
from tests.integration.console.runtime.vitals.ward import (
    FEED,
    LONG_AGO,
    SYMBOL,
    Spoil,
    Ward,
    add,
    drop,
    named_after,
    void,
)
from tests.support.desk import ACCOUNT

pytestmark = pytest.mark.services


def feed(**details: Any) -> Callable[[Session, Ward], None]:
    def spoil(session: Session, _: Ward) -> None:
        session.execute(
            update(HeartbeatRow)
            .where(HeartbeatRow.name == "feed")
            .values(details={**FEED, **details})
        )

    return spoil


def rule(**values: Any) -> Callable[[Session, Ward], None]:
    return lambda session, _: void(session.execute(update(InstrumentRow).values(**values)))


def stale_market(_: Session, ward: Ward) -> None:
    ward.desk.market.age_seconds = 11.0
    ward.markets[SYMBOL] = ward.desk.market.get(SYMBOL)


def no_market(_: Session, ward: Ward) -> None:
    ward.markets.clear()


BAD_STATES: dict[str, tuple[Spoil, str, str]] = {
    "no feed": (drop(HeartbeatRow, "feed"), "sign of life of feed", "never gave a sign"),
    "no reconciliation": (
        drop(HeartbeatRow, "reconciliation"),
        "sign of life of reconciliation",
        "never gave a sign",
    ),
    "public stream waits": (
        feed(public="waiting", public_last_fault="no connection in time"),
        "public stream",
        "waiting: no connection in time",
    ),
    "private stream silent": (feed(private_silent_seconds=50.0), "private stream", "silent"),
    "refused symbol": (
        feed(refused={"GONEUSDT": "error:handler not found"}),
        "symbol GONEUSDT",
        "handler not found",
    ),
    "no market": (no_market, "market of BTCUSDT", "no market"),
    "old market": (stale_market, "market of BTCUSDT", "11 s old"),
    "unknown symbol": (drop(InstrumentRow), "rules of BTCUSDT", "does not know it"),
    "delisted": (rule(status="Closed"), "rules of BTCUSDT", "Closed"),
    "old rules": (
        lambda session, ward: rule(refreshed_at=ward.desk.clock.now() - LONG_AGO)(session, ward),
        "rules of BTCUSDT",
        "old",
    ),
    "forged market": (
        lambda session, ward: ForgedMarket(ward.desk.db, ACCOUNT, ward.desk.clock).report(
            "mlrisk:market:BTCUSDT", "it has no seal"
        ),
        "market's seals",
        "mlrisk:market:BTCUSDT",
    ),
    "somebody guesses": (
        add(
            lambda ward: OperatorRow(
                name="ann",
                role=OperatorRole.VIEWER,
                kdf="",
                salt=b"",
                sealed=b"",
                public_key="",
                failed_attempts=5,
                locked_until=ward.desk.clock.now() + timedelta(minutes=15),
                created_at=ward.desk.clock.now(),
                created_by="test",
            )
        ),
        "logins",
        "ann is locked until",
    ),
}


@pytest.mark.parametrize("kind", BAD_STATES)
def test_each_bad_state_is_named(ward: Ward, kind: str) -> None:
    spoil, name, words = BAD_STATES[kind]
    assert words in named_after(ward, spoil, name)
