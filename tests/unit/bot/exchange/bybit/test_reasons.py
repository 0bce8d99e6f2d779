"""Every word and code of Bybit's that decides has a reason of mlrisk's."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.exchange.bybit import reasons
from bot.exchange.bybit.retcodes import RET_CODES, RetCodeClass, classify
from models.enums import VenueReason


def ended(reject_reason: str = "EC_NoError", cancel_type: str = "UNKNOWN") -> VenueReason:
    return reasons.of_end(reject_reason=reject_reason, cancel_type=cancel_type)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (110003, VenueReason.PRICE),
        (170193, VenueReason.PRICE),
        (110118, VenueReason.NO_LIQUIDITY),
        (110007, VenueReason.MARGIN),
        (110090, VenueReason.MARGIN),
        (110094, VenueReason.OTHER),
        (110023, VenueReason.SYMBOL),
        (10003, VenueReason.ACCOUNT),
        (110017, VenueReason.NOTHING_TO_REDUCE),
    ],
)
def test_a_refusal_has_the_reason_of_its_code(code: int, reason: VenueReason) -> None:
    assert reasons.of_refusal(code, classify(code, write=True)) is reason


def test_codes_of_the_price_and_of_the_book_are_plain_refusals() -> None:
    """A stronger class (FATAL, RISK, SYMBOL) must never be softened into a price."""
    for code in reasons.PRICE_CODES | reasons.THIN_BOOK_CODES:
        assert RET_CODES[code] is RetCodeClass.REJECT


@given(st.integers(), st.sampled_from(RetCodeClass))
def test_every_class_of_refusal_has_a_reason(code: int, cls: RetCodeClass) -> None:
    assert reasons.of_refusal(code, cls) in VenueReason


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("EC_ReachRiskPriceLimit", VenueReason.PRICE),
        ("EC_NoImmediateQtyToFill", VenueReason.NO_LIQUIDITY),
        ("EC_CancelForNoFullFill", VenueReason.NO_LIQUIDITY),
        ("EC_ReachMaxTradeNum", VenueReason.NO_LIQUIDITY),
        ("EC_InvalidSymbolStatus", VenueReason.SYMBOL),
        ("EC_PostOnlyWillTakeLiquidity", VenueReason.WOULD_TAKE),
        ("EC_BySelfMatch", VenueReason.OTHER),
        ("EC_SomethingNew", VenueReason.OTHER),
        ("EC_NoError", VenueReason.UNSTATED),
        ("", VenueReason.UNSTATED),
    ],
)
def test_an_end_has_the_reason_of_its_rejection(word: str, reason: VenueReason) -> None:
    assert ended(word) is reason


@pytest.mark.parametrize(
    ("cancel_type", "reason"),
    [
        ("CancelByCannotAffordOrderCost", VenueReason.MARGIN),
        ("CancelByDCP", VenueReason.DISCONNECTED),
        ("CancelByPrepareLiq", VenueReason.LIQUIDATION),
        ("CancelAllBeforeLiq", VenueReason.LIQUIDATION),
        ("CancelAllBeforeAdl", VenueReason.DELEVERAGING),
        ("CancelBySettle", VenueReason.SETTLEMENT),
        ("CancelByAdmin", VenueReason.ACCOUNT),
        ("CancelByReduceOnly", VenueReason.NOTHING_TO_REDUCE),
        ("CancelByUser", VenueReason.REQUESTED),
        ("CancelBySmp", VenueReason.OTHER),
        ("CancelBySomethingNew", VenueReason.OTHER),
    ],
)
def test_a_cancel_has_the_reason_of_its_type(cancel_type: str, reason: VenueReason) -> None:
    assert ended(cancel_type=cancel_type) is reason


@pytest.mark.parametrize("word", ["EC_PerCancelRequest", "EC_NoError", "", "EC_SomethingNew"])
def test_our_own_cancel_is_told_by_either_word(word: str) -> None:
    assert ended(word, "CancelByUser") is VenueReason.REQUESTED


@pytest.mark.parametrize("word", ["EC_PerCancelRequest", "EC_NoImmediateQtyToFill"])
def test_of_two_reasons_the_graver_one_decides(word: str) -> None:
    assert ended(word, "CancelByAdmin") is VenueReason.ACCOUNT


@given(st.text(max_size=30), st.text(max_size=30))
def test_any_two_words_have_a_reason(reject_reason: str, cancel_type: str) -> None:
    assert ended(reject_reason, cancel_type) in VenueReason


def test_the_record_keeps_the_words_that_say_something() -> None:
    said = reasons.words_of_end(reject_reason="EC_PerCancelRequest", cancel_type="CancelByUser")
    assert said == "EC_PerCancelRequest, CancelByUser"
    assert reasons.words_of_end(reject_reason="EC_NoError", cancel_type="UNKNOWN") == ""


@pytest.mark.parametrize(
    ("exec_type", "create_type", "act"),
    [
        ("BustTrade", "CreateByLiq", VenueReason.LIQUIDATION),
        ("Trade", "CreateByLiq", VenueReason.LIQUIDATION),
        ("Trade", "CreateByTakeOver_PassThrough", VenueReason.LIQUIDATION),
        ("AdlTrade", "CreateByAdl_PassThrough", VenueReason.DELEVERAGING),
        ("Delivery", "", VenueReason.SETTLEMENT),
        ("Settle", "", VenueReason.SETTLEMENT),
        ("Trade", "CreateByUser", None),
        ("Funding", "", None),
    ],
)
def test_an_act_of_the_exchange_is_told_from_a_trade(
    exec_type: str, create_type: str, act: VenueReason | None
) -> None:
    assert reasons.of_execution(exec_type=exec_type, create_type=create_type) is act
