"""Why a child failed: every reason of a venue has the class that can cure it."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.execution.policy.failures import classify_end, classify_refusal
from models.backup import FailureClass
from models.enums import Style, VenueReason

CLASSES = [
    (VenueReason.PRICE, FailureClass.PRICE),
    (VenueReason.NO_LIQUIDITY, FailureClass.NO_LIQUIDITY),
    (VenueReason.MARGIN, FailureClass.MARGIN),
    (VenueReason.SYMBOL, FailureClass.SYMBOL),
    (VenueReason.LIQUIDATION, FailureClass.SYMBOL),
    (VenueReason.DELEVERAGING, FailureClass.SYMBOL),
    (VenueReason.SETTLEMENT, FailureClass.SYMBOL),
    (VenueReason.DISCONNECTED, FailureClass.TIMEOUT),
    (VenueReason.ACCOUNT, FailureClass.FATAL),
    (VenueReason.OTHER, FailureClass.REJECTED),
]


def ended(reason: VenueReason, *, filled: int = 0, style: Style = Style.IOC) -> FailureClass | None:
    return classify_end(reason, qty=Decimal(10), filled=Decimal(filled), style=style)


@pytest.mark.parametrize(("reason", "failure"), CLASSES)
def test_a_refusal_has_the_class_of_its_reason(reason: VenueReason, failure: FailureClass) -> None:
    assert classify_refusal(reason) is failure


@pytest.mark.parametrize("reason", [VenueReason.UNSTATED, VenueReason.REQUESTED])
def test_a_refusal_without_a_reason_of_its_own_is_tried_only_as_rejected_allows(
    reason: VenueReason,
) -> None:
    assert classify_refusal(reason) is FailureClass.REJECTED


@pytest.mark.parametrize(("reason", "failure"), CLASSES)
@pytest.mark.parametrize("style", Style)
def test_an_order_that_the_venue_ended_has_the_class_of_its_reason(
    reason: VenueReason, failure: FailureClass, style: Style
) -> None:
    assert ended(reason, style=style) is failure


@pytest.mark.parametrize("style", Style)
def test_a_reduce_only_order_without_a_position_has_nothing_to_cure(style: Style) -> None:
    assert classify_refusal(VenueReason.NOTHING_TO_REDUCE) is None
    assert ended(VenueReason.NOTHING_TO_REDUCE, style=style) is None


@pytest.mark.parametrize("style", Style)
def test_a_post_only_order_that_would_have_taken_is_no_failure(style: Style) -> None:
    """Another style that ends so was priced wrongly."""
    expected = None if style is Style.POST_ONLY else FailureClass.PRICE
    assert ended(VenueReason.WOULD_TAKE, style=style) is expected


@pytest.mark.parametrize("style", Style)
def test_our_own_cancel_is_no_failure(style: Style) -> None:
    assert ended(VenueReason.REQUESTED, style=style, filled=3) is None


@pytest.mark.parametrize("filled", [0, 1, 9])
def test_an_ioc_that_leaves_a_rest_in_silence_met_a_thin_book(filled: int) -> None:
    assert ended(VenueReason.UNSTATED, filled=filled) is FailureClass.NO_LIQUIDITY


@pytest.mark.parametrize("style", [Style.POST_ONLY, Style.LIMIT])
def test_a_resting_order_that_ends_in_silence_was_rejected(style: Style) -> None:
    assert ended(VenueReason.UNSTATED, style=style) is FailureClass.REJECTED


@given(st.sampled_from(VenueReason), st.sampled_from(Style))
def test_a_filled_order_never_failed(reason: VenueReason, style: Style) -> None:
    assert ended(reason, filled=10, style=style) is None


@given(st.sampled_from(VenueReason), st.sampled_from(Style), st.integers(0, 9))
def test_every_reason_has_an_answer(reason: VenueReason, style: Style, filled: int) -> None:
    assert ended(reason, filled=filled, style=style) in {None, *FailureClass}
    assert classify_refusal(reason) in {None, *FailureClass}
