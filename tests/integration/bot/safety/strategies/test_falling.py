"""Strategies fall one stage by themselves, with an entry and an alert; none rises by itself."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select, text

from bot.errors import Refused
from bot.execution.sending.sender import SendResult
from bot.safety.strategies.falling import ACTOR, FELL, StageWatch
from bot.safety.strategies.ladder import StrategyLadder
from bot.state import breakers
from bot.state.breakers import BreakerScope, Finding
from config.keys.strategies import StrategyRules
from models.enums import ParentState, ScopeKind, StrategyStage, TradeSide
from models.repositories import strategies as rows
from models.tables import AlertRow, AuditRow, PredictionRow, StrategyRow
from tests.support.accounts.staging import FREE, NAME, demoted
from tests.support.desk import ACCOUNT, Desk

pytestmark = pytest.mark.services
S = StrategyStage
MODEL, LOSS, STREAK = "model_performance_degraded", "daily_loss_limit", "consecutive_losses"


@dataclass
class Watched:
    """A desk whose strategies are watched."""

    desk: Desk
    watch: StageWatch

    def trip(self, kind: str, strategy: str = NAME) -> None:
        """A breaker of the strategy trips; one that was tripped is reset before."""
        desk = self.desk
        desk.pass_time(1)
        scope = BreakerScope(ScopeKind.STRATEGY, strategy)
        with desk.db.unit_of_work() as uow:
            row = breakers.row_of(uow.session, scope, kind, desk.clock.now())
            if row.tripped:
                breakers.end_trip(
                    uow.session, row, reason="over", actor="test", now=desk.clock.now()
                )
            found = Finding(kind, "1", "1", "a test's", scope=scope)
            breakers.trip(uow, ACCOUNT, found, actor="test", now=desk.clock.now())
            uow.commit()

    def look(self) -> tuple[str, ...]:
        self.desk.pass_time(1)
        return self.watch.look()

    def stage(self, name: str = NAME) -> StrategyStage | None:
        with self.desk.db.reading() as session:
            return rows.stage_of(session, name).stage

    def predicted(self, right: int, wrong: int, stated: float) -> None:
        """Settled predictions of the strategy, since now."""
        now = self.desk.clock.now()
        at = now + timedelta(seconds=1)
        with self.desk.db.transaction() as session:
            for number in range(right + wrong):
                session.add(
                    PredictionRow(
                        request_id=f"p-{number}-{now.isoformat()}",
                        account=ACCOUNT,
                        strategy=NAME,
                        model_version="1",
                        symbol="BTCUSDT",
                        side=TradeSide.BUY,
                        stated=stated,
                        predicted_at=at,
                        starts_at=at,
                        known_at=at,
                        lane=0,
                        stake=0.0,
                        start_price=Decimal(1),
                        end_price=Decimal(2),
                        outcome=int(number < right),
                        settled_at=at,
                    )
                )


@pytest.fixture
def watched(desk: Desk) -> Watched:
    return Watched(desk, StageWatch(desk.db, ACCOUNT, desk.limits, desk.clock))


@pytest.mark.parametrize("kinds", [(MODEL,), (LOSS, LOSS), (LOSS, STREAK)], ids=str)
def test_a_strategy_falls_one_stage_for_one_cause_and_is_told_of(
    watched: Watched, kinds: tuple[str, ...]
) -> None:
    desk = watched.desk
    desk.approve("r-1")
    for kind in kinds:
        assert watched.look() == ()
        watched.trip(kind)
    assert watched.look() == (NAME,)
    assert watched.stage() is S.SMALL
    assert [watched.look() for _ in range(3)] == [()] * 3, "one cause costs one stage"
    assert desk.send(desk.child().child_id) is not SendResult.SENT
    assert desk.exchange.posts == 0
    assert desk.parent("r-1").state not in (ParentState.WORKING, ParentState.PAUSED)
    with desk.db.reading() as session:
        staged = select(AuditRow).where(AuditRow.kind == rows.STAGED).order_by(AuditRow.seq)
        entry = session.scalars(staged).all()[-1]
        fell = session.scalars(select(AuditRow).where(AuditRow.kind == FELL)).one()
        alert = session.scalars(select(AlertRow).where(AlertRow.kind == FELL)).one()
    assert (entry.actor, entry.payload["stage"], entry.payload["from"]) == (ACTOR, "small", "full")
    assert entry.payload["automatic"] is True
    assert fell.payload["to"] == "small"
    assert fell.payload["model_trips"] == kinds.count(MODEL)
    assert "tripped" in alert.text


def test_each_later_cause_costs_a_stage_until_the_lowest_and_nothing_rises(
    watched: Watched,
) -> None:
    for to in (S.SMALL, S.PAPER, S.SHADOW):
        watched.trip(MODEL)
        assert watched.look() == (NAME,)
        assert watched.stage() is to
    watched.trip(MODEL)
    assert watched.look() == ()
    watched.desk.pass_time(86_400 * 30)
    assert watched.look() == ()
    assert watched.stage() is S.SHADOW


def test_trips_that_are_too_few_or_too_old_or_of_others_lower_nobody(watched: Watched) -> None:
    watched.trip(LOSS)
    watched.trip(MODEL, "other")
    watched.trip("churn")
    assert watched.look() == ("other",)
    watched.desk.pass_time(86_400 * 8)
    watched.trip(LOSS)
    assert watched.look() == ()
    assert watched.stage() is None, "it has no row"


def test_figures_below_the_demands_lower_a_small_strategy_and_refuse_a_promotion_first(
    watched: Watched, strategies: StrategyLadder
) -> None:
    desk = watched.desk
    rules = StrategyRules(min_stage_days=0.0, min_stage_decisions=0)
    desk.limits.change(strategies=rules)
    demoted(strategies, S.SMALL)
    watched.predicted(right=50, wrong=50, stated=0.6)
    assert watched.look() == (), "chance may explain it"
    with pytest.raises(Refused, match="50 of 100 predictions came true"):
        strategies.promote(NAME, S.FULL, reason="good", authority=FREE)
    desk.pass_time(1)
    watched.predicted(right=10, wrong=90, stated=0.6)
    desk.pass_time(1)
    assert watched.look() == (NAME,)
    assert watched.stage() is S.PAPER
    assert watched.look() == (), "the record of the new stage is empty"


def test_a_strategy_that_a_person_lowered_meanwhile_is_left_alone(
    watched: Watched, strategies: StrategyLadder, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched.trip(MODEL)
    look = StageWatch._judge

    def late(self: StageWatch, name: str) -> str:
        watched.desk.pass_time(1)
        demoted(strategies, S.PAPER)
        return look(self, name)

    monkeypatch.setattr(StageWatch, "_judge", late)
    assert watched.look() == ()
    assert watched.stage() is S.PAPER


def test_a_row_that_was_changed_by_hand_is_no_ground_to_fall_or_rise(
    watched: Watched, strategies: StrategyLadder
) -> None:
    demoted(strategies, S.SMALL)
    with watched.desk.db.transaction() as session:
        session.execute(text("UPDATE strategy SET stage = 'full'"))
    watched.trip(MODEL)
    assert watched.look() == ()
    assert watched.stage() is S.SHADOW


def test_it_can_be_switched_off(watched: Watched) -> None:
    watched.desk.limits.change(strategies=StrategyRules(automatic_demotion=False))
    watched.trip(MODEL)
    assert watched.look() == ()
    with watched.desk.db.reading() as session:
        assert session.scalars(select(StrategyRow)).all() == []
