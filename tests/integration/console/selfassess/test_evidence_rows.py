"""Evidence by the rows of a database: what there is is told, and what there is not as well."""

from collections.abc import Iterator
from decimal import Decimal

import pytest
from sqlalchemy.orm import Session

from bot.safety.halting.halt import TradingHalt
from console.selfassess import evidence_rows
from models.repositories.safety import heartbeats
from models.tables import DisagreementRow
from tests.support.scene import ACCOUNT, Scene, read_only_engine

pytestmark = pytest.mark.services


@pytest.fixture
def session(scene: Scene) -> Iterator[Session]:
    """A reader, as the command has it."""
    engine = read_only_engine(scene.database_url)
    with Session(engine) as session:
        yield session
    engine.dispose()


def test_an_empty_system_says_of_each_thing_that_there_is_none(session: Session) -> None:
    assert evidence_rows.drill(session, ACCOUNT).holds is None
    assert evidence_rows.halt(session).words == "there was no halt"
    assert evidence_rows.fills(session, ACCOUNT).words == "0 booked"
    assert evidence_rows.operators(session).words == "there is no operator yet"
    assert evidence_rows.strategies(session).words == "no strategy has a row"
    assert evidence_rows.watchdog(session).words == "it never had to act"
    assert evidence_rows.reconciliation(session, ACCOUNT).words == "there was none yet"
    assert evidence_rows.breakers(session).words == "0 trips in a day (none); 0 are not over"
    assert "none open" in evidence_rows.alerts(session).words


def test_a_halt_is_told_with_its_proof(scene: Scene, session: Session) -> None:
    halt = TradingHalt(scene.db, scene.clock)
    report = halt.halt(reason="a test", actor="cli:ann")
    assert report.sealed_at is not None
    shown = evidence_rows.halt(session)
    at = scene.clock.now()
    assert shown.words == (
        f"global:* by cli:ann: latched {at.isoformat()}, sealed {at.isoformat()}, clean not proven"
    )
    assert shown.at == at


def test_a_comparison_that_found_a_difference_speaks_against(
    scene: Scene, session: Session
) -> None:
    now = scene.clock.now()
    with scene.db.transaction() as writing:
        heartbeats.store(writing, "reconciliation", 1, {}, now)
    assert evidence_rows.reconciliation(session, ACCOUNT).holds is True
    session.rollback()
    with scene.db.transaction() as writing:
        writing.add(
            DisagreementRow(
                account=ACCOUNT, symbol="BTCUSDT", difference=Decimal(1), ours=Decimal(0),
                theirs=Decimal(1), readings=3, since=now, seen_at=now,
            )
        )  # fmt: skip
    shown = evidence_rows.reconciliation(session, ACCOUNT)
    assert (shown.holds, shown.at) == (False, now)
    assert "positions differ in BTCUSDT" in shown.words


def test_fills_and_decisions_are_counted(scene: Scene, session: Session) -> None:
    scene.trade("r-1")
    shown = evidence_rows.fills(session, ACCOUNT)
    assert shown.words == "1 booked"
    assert shown.at == scene.clock.now()
    assert "decisions" in evidence_rows.blocks(session).words
