"""Why a child failed: every code and reason of the venue has the class that can cure it."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.exchange.bybit.retcodes import RET_CODES, RetCodeClass, classify
from bot.execution.policy import failures
from bot.execution.policy.failures import classify_end, classify_refusal, nothing_left_to_reduce
from models.backup import FailureClass
from models.enums import Style


def ended(
    reject_reason: str = "EC_NoError",
    cancel_type: str = "UNKNOWN",
    *,
    filled: int = 0,
    style: Style = Style.IOC,
) -> FailureClass | None:
    return classify_end(
        cancel_type=cancel_type,
        reject_reason=reject_reason,
        qty=Decimal(10),
        filled=Decimal(filled),
        style=style,
    )


@pytest.mark.parametrize(
    ("code", "failure"),
    [
        (10006, FailureClass.THROTTLED),
        (10002, FailureClass.THROTTLED),
        (10016, FailureClass.TIMEOUT),
        (110003, FailureClass.PRICE),
        (170193, FailureClass.PRICE),
        (110118, FailureClass.NO_LIQUIDITY),
        (110007, FailureClass.MARGIN),
        (110090, FailureClass.MARGIN),
        (110094, FailureClass.REJECTED),
        (110023, FailureClass.SYMBOL),
        (10003, FailureClass.FATAL),
    ],
)
def test_a_refusal_has_the_class_of_its_code(code: int, failure: FailureClass) -> None:
    assert classify_refusal(code, classify(code, write=True).value) is failure


def test_every_class_of_refusal_has_a_failure_of_its_own_kind() -> None:
    refusals = set(RetCodeClass) - {RetCodeClass.OK_IDEM}
    assert refusals == set(failures._BY_ACTION)


def test_codes_of_the_price_and_of_the_book_are_plain_refusals() -> None:
    """A stronger class (FATAL, RISK, SYMBOL) must never be softened into a price."""
    for code in failures._PRICE_CODES | failures._THIN_BOOK_CODES:
        assert RET_CODES[code] is RetCodeClass.REJECT


@given(st.integers(), st.text(max_size=12))
def test_a_refusal_of_unknown_action_is_tried_only_as_rejected_allows(
    code: int, action: str
) -> None:
    expected = (
        {FailureClass.REJECTED, FailureClass.PRICE, FailureClass.NO_LIQUIDITY, None}
        if action not in set(RetCodeClass)
        else {failures._BY_ACTION.get(action, FailureClass.REJECTED), None}
    )
    assert classify_refusal(code, action) in expected


def test_a_reduce_only_order_without_a_position_has_nothing_to_cure() -> None:
    assert classify_refusal(110017, "REJECT") is None
    assert ended(cancel_type="CancelByReduceOnly", style=Style.POST_ONLY) is None
    assert nothing_left_to_reduce(ret_code=110017)
    assert nothing_left_to_reduce(cancel_type="CancelByReduceOnly")
    assert not nothing_left_to_reduce(ret_code=110007, cancel_type="CancelByUser")
    assert not nothing_left_to_reduce()


@pytest.mark.parametrize(
    ("reason", "failure"),
    [
        ("EC_ReachRiskPriceLimit", FailureClass.PRICE),
        ("EC_NoImmediateQtyToFill", FailureClass.NO_LIQUIDITY),
        ("EC_CancelForNoFullFill", FailureClass.NO_LIQUIDITY),
        ("EC_ReachMaxTradeNum", FailureClass.NO_LIQUIDITY),
        ("EC_InvalidSymbolStatus", FailureClass.SYMBOL),
        ("EC_BySelfMatch", FailureClass.REJECTED),
        ("EC_SomethingNew", FailureClass.REJECTED),
    ],
)
@pytest.mark.parametrize("style", Style)
def test_an_order_that_the_venue_ended_has_the_class_of_its_reason(
    reason: str, failure: FailureClass, style: Style
) -> None:
    assert ended(reason, style=style) is failure


@pytest.mark.parametrize("style", Style)
def test_a_post_only_order_that_would_have_taken_is_no_failure(style: Style) -> None:
    """Another style that ends so was priced wrongly."""
    expected = None if style is Style.POST_ONLY else FailureClass.PRICE
    assert ended("EC_PostOnlyWillTakeLiquidity", style=style) is expected


@pytest.mark.parametrize(
    ("cancel_type", "failure"),
    [
        ("CancelByCannotAffordOrderCost", FailureClass.MARGIN),
        ("CancelByDCP", FailureClass.TIMEOUT),
        ("CancelAllBeforeLiq", FailureClass.SYMBOL),
        ("CancelBySettle", FailureClass.SYMBOL),
        ("CancelByAdmin", FailureClass.FATAL),
        ("CancelBySmp", FailureClass.REJECTED),
        ("CancelBySomethingNew", FailureClass.REJECTED),
    ],
)
def test_a_cancel_by_the_venue_has_the_class_of_its_type(
    cancel_type: str, failure: FailureClass
) -> None:
    assert ended(cancel_type=cancel_type) is failure


@pytest.mark.parametrize("style", Style)
@pytest.mark.parametrize("reason", ["EC_PerCancelRequest", "EC_NoError", ""])
def test_our_own_cancel_is_no_failure(reason: str, style: Style) -> None:
    assert ended(reason, "CancelByUser", style=style, filled=3) is None


@pytest.mark.parametrize("filled", [0, 1, 9])
@pytest.mark.parametrize("silence", ["", "EC_NoError"])
def test_an_ioc_that_leaves_a_rest_in_silence_met_a_thin_book(silence: str, filled: int) -> None:
    assert ended(silence, filled=filled) is FailureClass.NO_LIQUIDITY


@pytest.mark.parametrize("style", [Style.POST_ONLY, Style.LIMIT])
def test_a_resting_order_that_ends_in_silence_was_rejected(style: Style) -> None:
    assert ended(style=style) is FailureClass.REJECTED


@pytest.mark.parametrize("reason", ["EC_PerCancelRequest", "EC_NoImmediateQtyToFill"])
def test_of_two_reasons_the_graver_one_decides(reason: str) -> None:
    assert ended(reason, "CancelByAdmin") is FailureClass.FATAL


@given(st.text(max_size=30), st.text(max_size=30), st.sampled_from(Style))
def test_a_filled_order_never_failed(reason: str, cancel_type: str, style: Style) -> None:
    assert ended(reason, cancel_type, filled=10, style=style) is None
    assert ended("EC_BySelfMatch", "CancelByAdmin", filled=10, style=style) is None
