"""Answers of the original interface may be awaited, and say how loud they are."""

import asyncio

from bot.risk.breakers.conditions import Trip
from bot.risk.manager.results import BreakersResult, EmergencyStopResult
from bot.risk.portfolio.kinds import AlertLevel
from models.enums import CircuitBreakerType, TradingState
from tests.unit.bot.risk.cases import NOW

SPIKE = CircuitBreakerType.VOLATILITY_SPIKE


def stop(state: TradingState, *, changed: bool) -> EmergencyStopResult:
    return EmergencyStopResult(state, changed, "drill", NOW)


def test_a_stop_is_critical_once_and_true_while_it_holds() -> None:
    begun = stop(TradingState.HALTED, changed=True)
    assert begun and begun.active
    assert begun.alert_level is AlertLevel.CRITICAL
    again = stop(TradingState.HALTED, changed=False)
    assert again and again.alert_level is AlertLevel.INFO
    released = stop(TradingState.ACTIVE, changed=True)
    assert not released
    assert released.alert_level is AlertLevel.INFO


def test_an_answer_may_be_awaited() -> None:
    async def awaited() -> object:
        return await begun

    begun = stop(TradingState.HALTED, changed=True)
    assert asyncio.run(awaited()) is begun


def test_the_breakers_are_a_list_with_their_reasons() -> None:
    none = BreakersResult({}, ())
    assert list(none) == []
    found = BreakersResult({SPIKE: Trip(SPIKE, "three times the usual")}, (SPIKE,))
    assert list(found) == [SPIKE]
    assert found.reasons == {SPIKE: "three times the usual"}
    assert found.latched == (SPIKE,)
    assert found.alert_level is not none.alert_level
