"""Trading states, breakers and duplicates deny, and say why."""

from bot.risk.snapshot import BreakerView, LeaseView, ScopeState
from models.enums import ExecutionPriority, TradeBlockReason, TradingState
from tests.unit.bot.risk import cases
from tests.unit.bot.risk.checks.asking import FAIL, PASS, UNKNOWN, asked


def test_states_breakers_and_duplicates_say_why() -> None:
    reducing = cases.snapshot(states=(ScopeState("account:main", TradingState.REDUCING, "loss"),))
    result = asked("trading_state", snapshot=reducing)
    assert (result.reason, result.detail) == (
        TradeBlockReason.TRADING_STATE,
        "account:main: loss",
    )
    nameless = cases.snapshot(states=(ScopeState("global", TradingState.FLAT),))
    assert asked("trading_state", snapshot=nameless).detail == "global"
    for state in (TradingState.HALTED, TradingState.FLATTENING):
        stopped = cases.snapshot(states=(ScopeState("global", state),))
        assert asked("trading_state", snapshot=stopped).reason is (
            TradeBlockReason.EMERGENCY_STOP_ACTIVE
        )
        exit_now = cases.intent(reduce_only=True, priority=ExecutionPriority.EMERGENCY)
        assert asked("trading_state", exit_now, snapshot=stopped).status is PASS
        entry_now = cases.intent(priority=ExecutionPriority.EMERGENCY)
        assert asked("trading_state", entry_now, snapshot=stopped).status is FAIL
    tripped = cases.snapshot(breakers=(BreakerView("daily_loss_limit", "global", "lost 3 %"),))
    assert "lost 3 %" in asked("breakers", snapshot=tripped).sentence
    assert asked("duplicate_request", snapshot=cases.snapshot(request_seen=True)).status is FAIL
    assert asked("duplicate_request", snapshot=cases.snapshot(request_seen=None)).status is UNKNOWN
    for share, status in ((1.0, PASS), (0.1, PASS), (0.0, FAIL), (1.1, UNKNOWN), (-0.1, UNKNOWN)):
        result = asked("recovery", snapshot=cases.snapshot(recovery_share=share))
        assert result.status is status


def test_without_a_lease_nothing_adds_and_where_none_is_kept_nothing_is_asked() -> None:
    lapsed = cases.snapshot(lease=LeaseView("nobody has renewed it for 9 s", 4))
    result = asked("trading_lease", snapshot=lapsed)
    assert (result.status, result.reason) == (FAIL, TradeBlockReason.TRADING_LEASE)
    assert "nobody has renewed it for 9 s" in result.sentence
    assert asked("trading_lease", snapshot=cases.snapshot(lease=LeaseView(None, 4))).status is PASS
    assert asked("trading_lease", snapshot=cases.snapshot(lease=None)).status is PASS
