"""What each backup step means for a rest: exact to the lot, in time, never under the minimum."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import Infeasible
from bot.execution.algorithms.base import LotRules
from bot.execution.policy.fallback_steps import (
    MAX_DELAY_SECONDS,
    MAX_FALLBACK_BPS,
    FailedAttempt,
    FallbackEffect,
    backoff_seconds,
    effect_of_step,
    too_small,
)
from models.backup import BackupStep, FailureClass
from models.enums import Algorithm

D = Decimal


def rules(lot: str = "1", least: str = "1", notional: str = "0") -> LotRules:
    return LotRules(D(lot), D(least), D("1e9"), D(notional))


def failed(
    rest: str = "10",
    *,
    number: int = 1,
    price: str = "100",
    seconds_left: float = 600,
    reduce_only: bool = False,
) -> FailedAttempt:
    return FailedAttempt(
        failure=FailureClass.NO_LIQUIDITY,
        rest=D(rest),
        number=number,
        price=D(price),
        seconds_left=seconds_left,
        algorithm=Algorithm.TWAP,
        reduce_only=reduce_only,
    )


def answer(
    step: BackupStep,
    attempt: FailedAttempt | None = None,
    lots: LotRules | None = None,
    fallback: Algorithm = Algorithm.IMMEDIATE,
) -> FallbackEffect:
    return effect_of_step(step, attempt or failed(), lots or rules(), fallback)


def test_a_retry_sends_the_same_again_after_a_delay_that_doubles() -> None:
    found = [answer(BackupStep.RETRY, failed(number=number)) for number in (1, 2, 3)]
    assert [r.qty for r in found] == [D(10)] * 3
    assert [r.delay_seconds for r in found] == [0.5, 1.0, 2.0]
    assert found[0].note == "no_liquidity: 10 again after 0.5 s"
    assert found[0].bound_bps is None and found[0].algorithm is None


@given(st.integers(1, 10**9))
def test_the_delay_never_shrinks_and_is_bounded(number: int) -> None:
    assert backoff_seconds(number) <= backoff_seconds(number + 1) <= MAX_DELAY_SECONDS


def test_reduce_size_sends_half_and_keeps_the_other_half_for_later() -> None:
    found = answer(BackupStep.REDUCE_SIZE, failed("11"))
    assert (found.qty, found.later_qty, found.released) == (D(5), D(6), D(0))
    assert (found.delay_seconds, found.later_delay_seconds) == (0.5, 1.5)


@pytest.mark.parametrize(
    ("rest", "lots"),
    [("3", rules(least="2")), ("1", rules()), ("9", rules(notional="500"))],
)
def test_reduce_size_is_impossible_where_half_is_under_the_minimum(
    rest: str, lots: LotRules
) -> None:
    with pytest.raises(Infeasible, match=r"half of .* under the venue's minimum"):
        answer(BackupStep.REDUCE_SIZE, failed(rest), lots)


def test_reduce_size_may_send_exactly_the_minimum() -> None:
    found = answer(BackupStep.REDUCE_SIZE, failed("5"), rules(least="2"))
    assert (found.qty, found.later_qty) == (D(2), D(3))


def test_what_reduces_is_exempt_from_the_minimum_notional_alone() -> None:
    lots = rules(notional="500")
    assert answer(BackupStep.REDUCE_SIZE, failed("9", reduce_only=True), lots).qty == D(4)
    with pytest.raises(Infeasible):
        answer(BackupStep.REDUCE_SIZE, failed("3", reduce_only=True), rules(least="2"))


def test_the_closing_of_a_whole_position_is_tried_again_whole_or_not_at_all() -> None:
    small = replace(failed("3", reduce_only=True), closes_position=True)
    lots = rules(lot="2", least="10")
    assert answer(BackupStep.RETRY, small, lots).qty == D(3)
    assert answer(BackupStep.MARKET_ORDER_FALLBACK, small, lots).qty == D(3)
    for step in (BackupStep.REDUCE_SIZE, BackupStep.OTHER_ALGORITHM):
        with pytest.raises(Infeasible, match="at once"):
            answer(step, small, lots)


def test_the_market_order_fallback_goes_at_once_and_at_most_one_percent() -> None:
    found = answer(BackupStep.MARKET_ORDER_FALLBACK)
    assert (found.qty, found.delay_seconds, found.bound_bps) == (D(10), 0.0, D(100))
    assert "at most 100 bps beyond the touch" in found.note


def test_the_fallback_counts_the_minimum_notional_at_its_own_bound() -> None:
    """5 lots at 100 are worth 500, but a sale at the bound is worth 495."""
    lots = rules(notional="500")
    assert answer(BackupStep.RETRY, failed("5"), lots).qty == D(5)
    with pytest.raises(Infeasible, match="minimum of 6"):
        answer(BackupStep.MARKET_ORDER_FALLBACK, failed("5"), lots)


def test_the_rest_goes_to_the_other_algorithm() -> None:
    found = answer(BackupStep.OTHER_ALGORITHM, fallback=Algorithm.PASSIVE)
    assert (found.algorithm, found.qty) == (Algorithm.PASSIVE, D(10))
    assert found.note == "no_liquidity: 10 goes from twap to passive"


def test_the_other_algorithm_is_impossible_where_it_works_already() -> None:
    with pytest.raises(Infeasible, match="twap works it already"):
        answer(BackupStep.OTHER_ALGORITHM, fallback=Algorithm.TWAP)


def test_a_stop_releases_all_of_the_rest_and_calls_a_person() -> None:
    found = answer(BackupStep.STOP_AND_ALERT, failed("7.50"))
    assert found.stop
    assert (found.qty, found.later_qty, found.released) == (D(0), D(0), D("7.5"))
    assert found.note == "no_liquidity: nothing more to try, 7.5 released"


def test_a_rest_that_is_too_small_is_released_without_a_stop() -> None:
    found = too_small(failed("0.4"))
    assert not found.stop and found.step is None
    assert found.released == D("0.4")
    assert "under the venue's minimum" in found.note


@pytest.mark.parametrize(
    ("step", "seconds_left"),
    [
        (BackupStep.RETRY, 0.5),
        (BackupStep.REDUCE_SIZE, 1.5),
        (BackupStep.MARKET_ORDER_FALLBACK, 0.0),
        (BackupStep.OTHER_ALGORITHM, -1.0),
    ],
)
def test_no_attempt_is_due_at_the_deadline_or_after_it(
    step: BackupStep, seconds_left: float
) -> None:
    with pytest.raises(Infeasible, match="deadline"):
        answer(step, failed(seconds_left=seconds_left))
    assert answer(step, failed(seconds_left=seconds_left + 0.1 + 1)).qty > 0


@pytest.mark.parametrize("broken", [{"rest": "0"}, {"rest": "-1"}, {"price": "0"}, {"number": 0}])
def test_an_attempt_without_rest_price_or_number_is_refused(broken: dict[str, str | int]) -> None:
    with pytest.raises(ValueError, match="must be above 0"):
        failed(**broken)  # type: ignore[arg-type]


@given(
    step=st.sampled_from(BackupStep),
    rest=st.decimals("0.001", "1000000", places=3),
    lot=st.sampled_from(["0.001", "0.01", "0.5", "1", "3"]),
    least_lots=st.integers(1, 50),
    notional=st.sampled_from(["0", "5", "100"]),
    price=st.decimals("0.0001", "100000", places=4),
    number=st.integers(1, 40),
    seconds_left=st.floats(-10, 3600),
    reduce_only=st.booleans(),
)
def test_a_remedy_accounts_for_the_whole_rest_and_is_always_sendable(
    *,
    step: BackupStep,
    rest: Decimal,
    lot: str,
    least_lots: int,
    notional: str,
    price: Decimal,
    number: int,
    seconds_left: float,
    reduce_only: bool,
) -> None:
    lots = rules(lot, str(D(lot) * least_lots), notional)
    attempt = FailedAttempt(
        failure=FailureClass.MARGIN,
        rest=rest,
        number=number,
        price=price,
        seconds_left=seconds_left,
        algorithm=Algorithm.TWAP,
        reduce_only=reduce_only,
    )
    try:
        found = effect_of_step(step, attempt, lots, Algorithm.IMMEDIATE)
    except Infeasible:
        assert step is not BackupStep.STOP_AND_ALERT
        return
    assert found.qty + found.later_qty + found.released == rest
    assert found.released < lots.qty_step or found.stop
    for qty, delay in (
        (found.qty, found.delay_seconds),
        (found.later_qty, found.later_delay_seconds),
    ):
        assert qty == 0 or qty >= attempt.minimum(lots)
        assert qty % lots.qty_step == 0
        assert qty == 0 or 0 <= delay < seconds_left
    assert found.bound_bps is None or found.bound_bps <= MAX_FALLBACK_BPS == D(100)
