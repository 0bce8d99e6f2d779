"""Breakers of closed trades: streaks and locks."""

from bot.safety.recovery.resetting import Recovery
from bot.state.breakers import BreakerScope
from models.enums import ScopeKind
from tests.support.accounts.breakers import Watch, lose_in_a_row, trade


def test_losses_in_a_row_trip_at_their_limit_for_account_and_strategy(watch: Watch) -> None:
    watch.desk.limits.change(max_repeated_orders=100, max_consecutive_losses=3)
    lose_in_a_row(watch.desk, 2)
    watch.look()
    assert watch.tripped() == set()
    lose_in_a_row(watch.desk, 1, "y")
    watch.look()
    assert watch.tripped() == {"consecutive_losses"}
    assert watch.row("consecutive_losses", (ScopeKind.STRATEGY, "test")).tripped


def test_after_a_reset_only_new_losses_count(watch: Watch, recovery: Recovery) -> None:
    watch.desk.limits.change(max_repeated_orders=100, max_consecutive_losses=2)
    lose_in_a_row(watch.desk, 2)
    watch.look()
    strategy = BreakerScope(ScopeKind.STRATEGY, "test")
    for scope in (None, strategy):
        recovery.reset(
            "consecutive_losses", reason="seen", actor="test", authorised=True, scope=scope
        )
    watch.look(2)
    assert watch.tripped() == set()
    assert watch.desk.approve("r-after")["verdict"] != "deny"


def test_a_timed_lock_ends_after_its_time_and_the_same_trades_lock_no_more(watch: Watch) -> None:
    watch.rules(cooldown_minutes=0.5)
    trade(watch.desk, "b-1", "buy", "65000")
    trade(watch.desk, "s-1", "sell", "65100")
    watch.look()
    symbol = (ScopeKind.SYMBOL, "BTCUSDT")
    assert watch.row("cooldown", symbol).tripped
    assert watch.desk.approve("r-locked")["verdict"] == "deny"
    watch.look(15)
    assert not watch.row("cooldown", symbol).tripped
    watch.look(5)
    assert watch.row("cooldown", symbol).count == 1
    assert watch.desk.approve("r-free")["verdict"] != "deny"
