"""The stage and the exposure of a strategy, as decisions and claims read them."""

from decimal import Decimal

import pytest
from sqlalchemy import update

from bot.safety.strategies.ladder import StrategyLadder
from models.enums import StrategyStage
from models.repositories import strategies
from models.repositories.trading import snapshot_query
from models.repositories.trading.snapshot_query import TradeKey
from models.tables import PositionRow
from tests.support.accounts.staging import NAME, demoted, facts
from tests.support.desk import ACCOUNT, Desk

pytestmark = pytest.mark.services
D = Decimal


@pytest.fixture
def ladder(desk: Desk) -> StrategyLadder:
    return StrategyLadder(desk.db, ACCOUNT, desk.limits, desk.clock)


def exposure(desk: Desk, name: str = NAME) -> Decimal | None:
    trade = TradeKey(ACCOUNT, name, "BTCUSDT", "buy", D(100))
    with desk.db.reading() as session:
        return snapshot_query.read(session, trade, desk.clock.now()).stage_exposure


def test_an_unknown_strategy_has_no_stage_and_an_unbound_account_may_hold_real_money(
    desk: Desk,
) -> None:
    with desk.db.reading() as session:
        assert strategies.stage_of(session, "unknown") == strategies.UNKNOWN


def test_a_demotion_raises_the_epoch_and_a_change_of_facts_does_not(
    desk: Desk, ladder: StrategyLadder
) -> None:
    facts(ladder, owner="ann", max_exposure=D(5))
    demoted(ladder, StrategyStage.SMALL)
    facts(ladder, owner="bob")
    with desk.db.reading() as session:
        known = strategies.stage_of(session, NAME)
    assert (known.stage, known.epoch, known.reason) == (StrategyStage.SMALL, 1, "")
    assert known.max_exposure == 5


def test_the_exposure_is_that_of_its_own_shares_and_unknown_without_a_price(
    desk: Desk, ladder: StrategyLadder
) -> None:
    assert exposure(desk) is None, "nobody asks for it without a cap"
    facts(ladder, max_exposure=D(10_000))
    facts(ladder, "other", max_exposure=D(10_000))
    assert exposure(desk) == 0
    desk.approve("r-1")
    desk.send_due()
    desk.stream()
    mark = D(70_000)
    with desk.db.transaction() as session:
        session.execute(update(PositionRow).values(mark_price=mark, marked_at=desk.clock.now()))
    assert exposure(desk) == desk.position() * mark
    assert exposure(desk, "other") == 0
    with desk.db.transaction() as session:
        session.execute(update(PositionRow).values(mark_price=None, entry_price=None))
    assert exposure(desk) is None
