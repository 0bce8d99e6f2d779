"""An account that the exchange does not let trade: nothing that adds risk goes out, exits do."""

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from bot.errors import ClockRefused, DependencyDown
from bot.execution.sending.sender import SendResult
from bot.safety.monitor import Monitor
from bot.state import disk_room, fitness
from bot.state.fitness import Fitness
from models.enums import ChildState, TradingState, Verdict
from models.tables import AccountFitnessRow, AuditRow, BreakerRow, TradingStateRow
from tests.support.desk import Desk

SYMBOLS = ("BTCUSDT",)
EXIT = {"side": "sell", "signal_data": {"reduce_only": True}}


def ask(desk: Desk) -> Fitness:
    return fitness.ask(desk.db, desk.exchange, desk.account, SYMBOLS, desk.clock)


def audited(desk: Desk) -> list[str]:
    with desk.db.reading() as session:
        rows = session.scalars(
            select(AuditRow.kind)
            .where(AuditRow.kind.in_(["account_fit", fitness.KIND]))
            .order_by(AuditRow.seq)
        )
        return list(rows)


def why_denied(answer: dict[str, object]) -> str:
    assert answer["verdict"] == Verdict.DENY
    return str(answer["checks_failed"])


def held(desk: Desk) -> None:
    """The account holds a position that an exit can close."""
    desk.approve("r-held")
    desk.send_due()
    desk.stream()
    assert desk.position() > 0


def test_a_hedge_mode_account_is_denied_by_name_and_its_exit_goes_on(desk: Desk) -> None:
    """Seen: it approved trades, every one of which the exchange then refused."""
    held(desk)
    desk.exchange.hedged = True
    assert not ask(desk).ok
    told = why_denied(desk.approve("r-add"))
    assert fitness.KIND in told
    assert "hedge_mode" in told
    assert desk.approve("r-exit", **EXIT)["verdict"] != Verdict.DENY
    desk.exchange.hedged = False
    assert ask(desk).ok
    assert desk.approve("r-again", signal_data={"position_size": "2100"})["verdict"] == "allow"


def test_the_first_refusal_that_is_about_the_account_stops_what_adds(desk: Desk) -> None:
    """Switched between two questions: the next trade must not learn it from the exchange again."""
    desk.approve()
    desk.exchange.hedged = True
    desk.send_due()
    assert desk.exchange.posts == 1
    assert "position idx not match" in why_denied(desk.approve("r-2"))


def clock_refusal(behind_ms: int) -> ClockRefused:
    error = ClockRefused("clock refused with 10002", code="ret_10002")
    error.behind_ms = behind_ms
    return error


@pytest.mark.parametrize(("behind_ms", "told"), [(20_000, "20.0 s behind"), (-3000, "3.0 s ahead")])
def test_a_refused_clock_stops_what_adds_until_it_is_right_again(
    desk: Desk, behind_ms: int, told: str
) -> None:
    """Seen: with a clock 20 s slow every order failed, and nothing said so."""
    held(desk)
    desk.approve("r-1", signal_data={"position_size": "2100"})
    desk.exchange.faults = [(clock_refusal(behind_ms), False)] * 2
    desk.send_due()
    denied = why_denied(desk.approve("r-2", signal_data={"position_size": "2200"}))
    assert fitness.KIND in denied
    assert told in denied
    posts = desk.exchange.posts
    desk.pass_time(10)
    assert desk.send_due() == [SendResult.DEFERRED]
    assert desk.exchange.posts == posts, "what adds is not tried in vain"
    assert desk.approve("r-exit", **EXIT)["verdict"] != Verdict.DENY
    desk.send_due()
    assert desk.exchange.faults == []
    assert audited(desk) == [fitness.KIND]
    assert fitness.clock_was_wrong(desk.db, desk.account)
    assert ask(desk).ok
    assert not fitness.clock_was_wrong(desk.db, desk.account)
    desk.approve("r-3", signal_data={"position_size": "2300"})
    assert audited(desk) == [fitness.KIND, "account_fit"]


def compared(desk: Desk, offset_ms: int, *, reply_ms: int = 0) -> bool:
    """Whether the clocks may agree when the exchange's differs by so much."""
    desk.exchange.clock_offset = timedelta(milliseconds=offset_ms)
    desk.exchange.reply_takes = timedelta(milliseconds=reply_ms)
    return fitness.compare_clocks(desk.db, desk.exchange, desk.account, desk.clock)


@pytest.mark.parametrize(("offset_ms", "told"), [(401, "401 ms behind"), (-401, "401 ms ahead of")])
def test_a_difference_beyond_what_a_seal_counts_on_stops_what_adds(
    desk: Desk, offset_ms: int, told: str
) -> None:
    """It was noticed within ten minutes only, and a halt would have been sealed too early."""
    allowed = desk.exchange.max_clock_offset_ms
    assert allowed == 400
    assert compared(desk, allowed if offset_ms > 0 else -allowed)
    assert audited(desk) == []
    assert not compared(desk, offset_ms)
    denied = why_denied(desk.approve())
    assert told in denied
    assert fitness.KIND in denied
    assert fitness.clock_was_wrong(desk.db, desk.account)
    assert not compared(desk, 2 * offset_ms)
    assert audited(desk) == [fitness.KIND], "alerted once"
    assert compared(desk, 0)
    assert fitness.clock_was_wrong(desk.db, desk.account), "the whole account is asked anew"


def test_a_slow_answer_proves_no_difference(desk: Desk) -> None:
    assert compared(desk, 900, reply_ms=600)
    assert not compared(desk, 1100, reply_ms=600)


def test_an_order_that_was_only_late_says_nothing_about_the_clock(desk: Desk) -> None:
    desk.approve()
    desk.exchange.faults = [(clock_refusal(0), False)]
    desk.send_due()
    assert audited(desk) == []
    assert desk.approve("r-2", signal_data={"position_size": "2100"})["verdict"] == "allow"


def test_what_is_wrong_with_the_key_is_told_in_the_denial(desk: Desk) -> None:
    desk.exchange.unfit = "it may withdraw, which a trading key must not"
    ask(desk)
    assert "may withdraw" in why_denied(desk.approve())


def test_an_account_that_was_never_asked_for_adds_nothing(desk: Desk) -> None:
    with desk.db.transaction() as session:
        session.delete(session.get_one(AccountFitnessRow, desk.account))
    assert "has not asked the exchange yet" in why_denied(desk.approve())


def test_an_old_answer_counts_for_nothing(desk: Desk) -> None:
    ask(desk)
    desk.pass_time(fitness.MAX_AGE.total_seconds() + 1)
    assert "for the last time" in why_denied(desk.approve())
    ask(desk)
    assert desk.approve("r-2")["verdict"] == "allow"


def test_an_exchange_that_can_not_be_asked_changes_no_answer(desk: Desk) -> None:
    def away(symbols: object = ()) -> None:
        raise DependencyDown("the exchange can't be reached")

    before = ask(desk)
    desk.exchange.is_ready = away  # type: ignore[method-assign]
    desk.pass_time(60)
    with pytest.raises(DependencyDown):
        ask(desk)
    with desk.db.reading() as session:
        assert fitness.stored(session, desk.account) == before


def test_an_answer_is_recorded_when_it_is_news(desk: Desk) -> None:
    ask(desk)
    desk.exchange.hedged = True
    for _ in range(3):
        desk.pass_time(600)
        ask(desk)
    desk.exchange.hedged = False
    ask(desk)
    assert audited(desk) == [fitness.KIND, "account_fit"]


def test_a_process_that_starts_takes_a_fresh_answer_for_its_own(desk: Desk) -> None:
    ask(desk)
    desk.exchange.hedged = True
    args = (desk.db, desk.exchange, desk.account, SYMBOLS, desk.clock)
    assert fitness.ask_if_old(*args).ok
    desk.clock.move_to(desk.clock.now() + fitness.FRESH + timedelta(seconds=1))
    assert not fitness.ask_if_old(*args).ok


def test_reconciling_a_hedge_mode_account_is_one_fact_and_no_failure(desk: Desk) -> None:
    """Seen: fourteen reconciliations failed one after the other while the state stayed ACTIVE."""
    held(desk)
    monitor = Monitor(desk.db, desk.account, desk.limits, desk.clock)
    desk.exchange.hedged = True
    for _ in range(14):
        report = desk.reconciler.reconcile_account()
        assert report.unfit == "the account is in hedge mode"
        assert report.position_differences == {}
        monitor.judge_reconciliation(report)
        desk.pass_time(20)
    assert audited(desk) == [fitness.KIND]
    assert "hedge_mode" in why_denied(desk.approve("r-add"))
    with desk.db.reading() as session:
        # No breaker trips: the refusal ends when the account is switched back.
        assert session.scalars(select(BreakerRow)).all() == []
        assert {row.state for row in session.scalars(select(TradingStateRow))} == {
            TradingState.ACTIVE
        }


def test_a_disk_without_room_stops_what_adds_risk_until_there_is_room_again(
    desk: Desk, tmp_path: Path
) -> None:
    """The kernel's own file system has no byte free."""
    held(desk)
    assert ask(desk).ok
    full = Path("/proc")
    short = disk_room.shortage(full)
    assert short is not None
    for _ in range(2):  # told once
        fitness.after_shortage(desk.db, desk.account, short, desk.clock)
    told = why_denied(desk.approve("r-add"))
    assert "disk_nearly_full: less than 256 MB are free" in told
    assert desk.approve("r-exit", **EXIT)["verdict"] != Verdict.DENY
    # The exchange's yes doesn't make room.
    again = fitness.ask(desk.db, desk.exchange, desk.account, SYMBOLS, desk.clock, home=full)
    assert not again.ok
    assert fitness.room_was_short(desk.db, desk.account)
    assert fitness.ask(desk.db, desk.exchange, desk.account, SYMBOLS, desk.clock, home=tmp_path).ok
    assert not fitness.room_was_short(desk.db, desk.account)
    assert desk.approve("r-again", signal_data={"position_size": "2100"})["verdict"] == "allow"
    assert audited(desk) == [fitness.KIND, "account_fit"]


def full_disk(desk: Desk) -> None:
    """The kernel's own file system has no byte free."""
    short = disk_room.shortage(Path("/proc"))
    assert short is not None
    fitness.after_shortage(desk.db, desk.account, short, desk.clock)


def test_slices_that_were_approved_wait_on_a_full_disk_and_go_on_by_themselves(desk: Desk) -> None:
    """Seen: they went out while Postgres had no room left for their fills."""
    desk.approve_twap("r-add")
    posts = desk.exchange.posts
    full_disk(desk)
    for _ in range(3):
        assert set(desk.send_due()) <= {SendResult.DEFERRED}
        desk.pass_time(5)
    assert desk.exchange.posts == posts
    (first, *_) = desk.children("r-add")
    assert first.state == ChildState.PLANNED
    assert first.note is not None
    assert first.note.startswith("the account must not trade: disk_nearly_full")
    assert desk.audit_kinds().count("child_held") <= 3, "told once of each slice"
    assert ask(desk).ok
    for _ in range(8):
        desk.pass_time(5)
        desk.send_due()
        desk.stream()
    assert desk.exchange.posts > posts + 1
    desk.check_balance()


def test_an_exit_that_was_approved_goes_out_on_a_full_disk(desk: Desk) -> None:
    held(desk)
    desk.approve("r-exit", **EXIT)
    full_disk(desk)
    assert desk.send_due() == [SendResult.SENT]
    desk.stream()
    assert desk.position() == 0


def test_what_rests_is_called_back_on_a_full_disk_and_placed_again(desk: Desk) -> None:
    desk.approve(
        signal_data={"position_size": "3000", "algorithm": "passive", "horizon_seconds": 60}
    )
    desk.step()
    desk.stream()
    assert len(desk.exchange.open_orders()) == 1
    full_disk(desk)
    for _ in range(3):
        desk.pass_time(5)
        desk.step()
        desk.stream()
        assert desk.exchange.open_orders() == []
    assert ask(desk).ok
    desk.pass_time(5)
    desk.step()
    assert len(desk.exchange.open_orders()) == 1
    desk.check_balance()
