"""A cancel waits for its budget, and tells the budget when it was too fast."""

import pytest

from bot.clock import FixedClock
from bot.errors import Banned, Throttled
from bot.execution.sending.cancelling import Cancels
from models.enums import OrderStatus, TradeSide
from tests.support.fakes import FakeExchange, FreeRateLimiter
from tests.unit.bot.risk.cases import NOW, D


def resting() -> FakeExchange:
    venue = FakeExchange(FixedClock(NOW))
    venue.somebody_elses("a-1", side=TradeSide.BUY, qty=D(1), status=OrderStatus.OPEN)
    return venue


def test_without_room_nothing_is_asked() -> None:
    venue, budget = resting(), FreeRateLimiter(cancel_wait_seconds=2.0)
    with pytest.raises(Throttled) as caught:
        Cancels(venue, budget, "paper").send("BTCUSDT", "a-1")  # type: ignore[arg-type]
    assert caught.value.after_seconds == 2.0
    assert venue.cancel_requests == []


@pytest.mark.parametrize(("kind", "told"), [(Throttled, [3.0]), (Banned, [])])
def test_a_refusal_for_speed_is_told_to_all_processes_and_a_ban_is_not(
    kind: type[Throttled], told: list[float]
) -> None:
    venue, budget = resting(), FreeRateLimiter()
    venue.cancel_faults = [(kind("too fast", after_seconds=3.0), False)]
    with pytest.raises(Throttled):
        Cancels(venue, budget, "paper").send("BTCUSDT", "a-1")  # type: ignore[arg-type]
    assert budget.cancel_throttles == told


def test_only_an_order_that_still_rests_is_called_back() -> None:
    venue = resting()
    cancels = Cancels(venue, None, "paper")
    assert cancels.call_back("BTCUSDT", "unknown") is None
    order = cancels.call_back("BTCUSDT", "a-1")
    assert order is not None and order.order_link_id == "a-1"
    assert cancels.call_back("BTCUSDT", "a-1") is None, "it has ended meanwhile"
    assert venue.cancel_requests == ["a-1"]
