"""The report of stored trips: false ones, helped ones, and the loss until flat."""

from datetime import timedelta

from sqlalchemy import update

from bot.safety.breakers.past_trips import trips_of
from bot.safety.breakers.quality import Quality, qualities
from bot.safety.recovery.resetting import Recovery
from models.tables import CashFlowRow, FillRow
from tests.support.accounts.breakers import D, Watch, trip_correlation
from tests.support.desk import ACCOUNT


def quality(watch: Watch) -> Quality:
    now = watch.desk.clock.now()
    since, until = now - timedelta(days=1), now + timedelta(seconds=1)
    with watch.desk.db.reading() as session:
        trips = trips_of(session, ACCOUNT, since, until)
    (found,) = qualities(trips, since, until)
    return found


def test_a_reading_that_came_back_by_itself_is_a_false_trip(
    watch: Watch, recovery: Recovery
) -> None:
    trip_correlation(watch)
    assert quality(watch).false_trips == 0
    watch.look()
    found = quality(watch)
    assert (found.kind, found.trips, found.false_trips) == ("correlation_breakdown", 1, 1)
    assert (found.flat, found.mean_loss, found.ended) == (1, 0, 0)
    recovery.reset("correlation_breakdown", reason="seen", actor="test", authorised=True)
    trip_correlation(watch)
    assert quality(watch).re_trip_share == 1.0


def test_an_exit_that_helped_makes_it_no_false_trip(watch: Watch) -> None:
    desk = watch.desk
    desk.approve()
    desk.send_due()
    desk.stream()
    trip_correlation(watch)
    desk.pass_time(1)
    out = {"position_size": "2000", "reduce_only": True, "algorithm": "immediate"}
    desk.approve("r-exit", side="sell", signal_data=out)
    desk.send_due()
    desk.stream()
    with desk.db.transaction() as session:
        session.execute(
            update(FillRow).where(FillRow.side == "sell").values(executed_at=desk.clock.now())
        )
    watch.look()
    assert quality(watch).false_trips == 0


def test_the_loss_until_flat_leaves_cash_flows_out(watch: Watch) -> None:
    desk, wide = watch.desk, D("0.9")
    desk.limits.change(
        max_daily_loss_share=wide, max_rolling_loss_share=wide, max_drawdown_share=wide
    )
    desk.approve()
    desk.send_due()
    desk.stream()
    trip_correlation(watch)
    at = desk.clock.now()
    watch.equity("49500", times=3)
    assert quality(watch).flat == 0, "the position is still open"
    with desk.db.transaction() as session:
        session.add(
            CashFlowRow(
                account=ACCOUNT,
                flow_id="f-1",
                at=at + timedelta(seconds=1),
                kind="withdrawal",
                currency="USDT",
                amount=D(-50_000),
                value=D(-50_000),
                share=D("0.5"),
                recorded_at=at,
            )
        )
        desk_positions = "UPDATE position SET qty = 0"
        session.connection().exec_driver_sql(desk_positions)
    watch.look()
    found = quality(watch)
    assert (found.flat, found.worst_loss) == (1, D("0.01"))
