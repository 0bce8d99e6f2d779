"""`mlrisk metrics` and `mlrisk blocks` count decisions in Postgres, as counting each one would."""

import pytest
from sqlalchemy import select, text

from console.views.block_rate import rate_facts
from console.views.key_metrics import IMPACT_TRADES, key_metrics
from models import migrate
from models.repositories.figures import UNRECORDED
from models.tables import DecisionFiguresRow
from tests.support.accounts.mixed_day import LONG_AGO, a_mixed_day, facts
from tests.support.bulk import Bulk
from tests.support.desk import Desk
from tests.support.statements import rows_fetched, statements

pytestmark = pytest.mark.services

MANY = 20_000


def test_what_was_decided_before_figures_were_kept_is_counted_too(
    desk: Desk, migrated_url: str
) -> None:
    a_mixed_day(desk)
    before = facts(desk)
    migrate.downgrade(migrated_url, "0025")
    migrate.upgrade(migrated_url)
    blocks, metrics = facts(desk)
    assert blocks == before[0]
    levels = before[1]["trade_validation"].pop("risk_levels")
    assert metrics["trade_validation"].pop("risk_levels") == {UNRECORDED: sum(levels.values())}
    assert metrics["trade_validation"] == before[1]["trade_validation"]
    assert metrics["risk_system"]["models"] == before[1]["risk_system"]["models"]
    assert metrics["execution"] == before[1]["execution"]
    with desk.db.reading() as session:
        missing = session.scalar(
            select(DecisionFiguresRow.missing).where(DecisionFiguresRow.request_id == "silent")
        )
    assert missing
    assert "confidence" in missing


@pytest.mark.long
def test_many_decisions_are_counted_without_being_fetched(desk: Desk) -> None:
    a_mixed_day(desk)
    bulk = Bulk(desk.db, "allowed")
    bulk.children(MANY, of_a_parent=1)
    with desk.db.transaction() as session:
        session.execute(
            text(
                "UPDATE parent_order AS parent SET start_at = start_at + n * interval '1 ms' FROM"
                " (SELECT request_id, row_number() OVER (ORDER BY request_id) AS n"
                " FROM parent_order) AS numbered WHERE numbered.request_id = parent.request_id"
            )
        )
    with (
        desk.db.reading() as session,
        rows_fetched(desk.db) as fetched,
        statements(desk.db) as said,
    ):
        blocks = rate_facts(session, LONG_AGO)
        assert not [each for each in said if "decision.snapshot" in each]
        metrics = key_metrics(session, LONG_AGO)
    assert blocks["requests"] == metrics["trade_validation"]["decisions"] == MANY + 7
    assert metrics["execution"]["trades_ended"] > MANY
    # A trade's impact is worked out from its decision, children and fills.
    assert sum(fetched) < 10 * IMPACT_TRADES
