"""The impact law, fitted on trades of our own services, becomes a configuration: real Postgres."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select

from bot.clock import FixedClock
from bot.errors import Refused
from bot.limits.service import ConfigurationService
from bot.tca.impact import MIN_POINTS
from bot.tca.refit import ACTOR, PATH, ImpactRefit, fit_recent
from bot.tca.service import costs
from config.settings import Environment, Settings, TradingMode
from models.database import Database
from models.enums import Direction, VersionState
from models.tables import ChildOrderRow, FillRow
from tests.support.desk import Desk
from tests.support.operators import operator
from tests.support.services import PostgresServer

pytestmark = pytest.mark.services
D = Decimal


def settings(environment: Environment = Environment.PRODUCTION) -> Settings:
    return Settings(environment=environment, trading_mode=TradingMode.CONSERVATIVE)


def refit(desk: Desk, environment: Environment = Environment.PRODUCTION) -> ImpactRefit:
    return ImpactRefit(desk.db, settings(environment), desk.clock)


def configuration(
    desk: Desk, environment: Environment = Environment.PRODUCTION
) -> ConfigurationService:
    return ConfigurationService(desk.db, settings(environment), desk.clock)


def in_force(desk: Desk, environment: Environment = Environment.PRODUCTION) -> float:
    return configuration(desk, environment).current().gate.impact_coefficient


def trade(desk: Desk, count: int = MIN_POINTS + 2) -> None:
    """Small trades to either side, filled at the price that they met; each round trip loses its
    fees, so that no streak may stop them."""
    desk.limits.change(max_consecutive_losses=count)
    for i in range(count):
        desk.approve(
            f"r-{i}",
            side="buy" if i % 2 == 0 else "sell",
            signal_data={"position_size": str(1000 + 10 * i), "algorithm": "immediate"},
        )
        desk.send_due()
        desk.stream()
        desk.pass_time(3)


def move_fills(desk: Desk, y: float) -> None:
    """Every fill becomes as dear as the law says with this Y, give or take a twentieth."""
    with desk.db.reading() as session:
        trades = costs(session).trades
    with desk.db.transaction() as session:
        for i, one in enumerate(trades):
            assert one.impact_point is not None
            excess = one.impact_point.law * y * (1 + 0.05 * (i % 3 - 1)) - one.impact_point.impact
            rows = session.scalars(
                select(FillRow)
                .join(ChildOrderRow, ChildOrderRow.child_id == FillRow.child_id)
                .where(ChildOrderRow.request_id == one.request_id)
            )
            for row in rows:
                row.price += one.side.sign * one.prices.first_order * D(repr(excess))


@pytest.fixture(scope="module")
def after_trades(postgres: PostgresServer) -> Iterator[tuple[str, datetime]]:
    """A database with enough trades to fit, to be copied, and the time of its last one."""
    url = postgres.create_database(template=postgres.migrated_template())
    db = Database(url)
    desk = Desk(db)
    trade(desk)
    db.dispose()
    yield postgres.name_of(url), desk.clock.now()
    postgres.drop_database(url)


@pytest.fixture
def traded(postgres: PostgresServer, after_trades: tuple[str, datetime]) -> Iterator[Desk]:
    """A desk that has traded."""
    template, now = after_trades
    url = postgres.create_database(template=template)
    db = Database(url)
    yield Desk(db, clock=FixedClock(now))
    db.dispose()
    postgres.drop_database(url)


def test_more_impact_than_expected_tightens_at_once_even_in_production(traded: Desk) -> None:
    move_fills(traded, 1.6)
    assert in_force(traded) == 1.0
    done = refit(traded).run()
    assert done.version is not None
    assert (done.version.state, done.version.direction) == (
        VersionState.ACTIVE,
        Direction.TIGHTENING,
    )
    assert done.version.proposed_by == ACTOR
    assert in_force(traded) == pytest.approx(1.6, abs=0.01)
    assert traded.audit_kinds()[-1] == "config_changed"


def test_less_impact_waits_for_a_person_in_production_and_acts_in_development(
    traded: Desk,
) -> None:
    move_fills(traded, 0.7)
    waiting = refit(traded).run().version
    assert waiting is not None
    assert (waiting.state, waiting.direction) == (VersionState.PROPOSED, Direction.LOOSENING)
    assert in_force(traded) == 1.0
    assert traded.audit_kinds()[-1] == "config_proposed"
    configuration(traded).approve(waiting.id, actor=operator("ann"))
    assert 0.7 <= in_force(traded) <= 0.75
    assert refit(traded, Environment.DEVELOPMENT).run().version is not None
    assert 0.7 <= in_force(traded, Environment.DEVELOPMENT) <= 0.75


def test_a_second_run_on_the_same_day_is_a_quiet_no_op(traded: Desk) -> None:
    move_fills(traded, 6.0)
    assert refit(traded).run().version is not None
    assert in_force(traded) == 2.0
    again = refit(traded).run()
    assert (again.version, again.because) == (
        None,
        "a re-fit has changed or proposed the value today",
    )
    assert in_force(traded) == 2.0
    traded.clock.move_to(traded.clock.now() + timedelta(days=1))
    assert refit(traded).run().version is not None
    assert in_force(traded) == 4.0


def test_the_same_wish_is_not_proposed_every_day_and_an_outdated_one_is_withdrawn(
    traded: Desk,
) -> None:
    move_fills(traded, 0.7)
    first = refit(traded).run().version
    assert first is not None
    traded.clock.move_to(traded.clock.now() + timedelta(days=1))
    assert refit(traded).run().because == "the same value waits for approval already"
    move_fills(traded, 1.0)
    assert refit(traded).run().version is None
    (version,) = configuration(traded).history()
    assert (version.id, version.state, version.actor) == (first.id, VersionState.REJECTED, ACTOR)
    assert in_force(traded) == 1.0


def test_what_a_person_rejected_rests_for_a_week(traded: Desk) -> None:
    move_fills(traded, 0.7)
    first = refit(traded).run().version
    assert first is not None
    configuration(traded).reject(first.id, actor=operator("ann"), reason="a quiet month")
    traded.clock.move_to(traded.clock.now() + timedelta(days=1))
    assert refit(traded).run().because == "a person has rejected a lower value lately"
    traded.clock.move_to(traded.clock.now() + timedelta(days=7))
    assert refit(traded).run().version is not None


def test_too_few_trades_and_trades_that_agree_change_nothing(desk: Desk) -> None:
    trade(desk, MIN_POINTS - 1)
    assert "too few to fit" in refit(desk).run().because
    desk.approve("r-last")
    desk.send_due()
    desk.stream()
    move_fills(desk, 1.0)
    done = refit(desk).run()
    assert done.version is None and "doesn't contradict 1" in done.because
    assert configuration(desk).history() == []


def test_trades_older_than_the_window_count_no_more(traded: Desk) -> None:
    now = traded.clock.now()
    with traded.db.reading() as session:
        assert fit_recent(session, now).points == MIN_POINTS + 2
        with pytest.raises(Refused, match="0 usable trades are too few"):
            fit_recent(session, now + timedelta(days=31))


def test_the_path_is_the_one_that_the_gate_reads(desk: Desk) -> None:
    assert configuration(desk).current().value(PATH) == in_force(desk)
