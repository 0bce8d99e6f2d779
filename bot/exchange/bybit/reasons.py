"""Bybit's words for a refusal, the end of an order and an act of its own, in mlrisk's words.

Sources: Bybit's pages "Enums: rejectReason, cancelType, execType, createType" and its error codes;
`docs/bybit.md` says what they mean.
"""

from collections.abc import Mapping
from types import MappingProxyType

from bot.exchange.bybit.retcodes import RetCodeClass
from models.enums import VenueReason

_NOTHING_TO_REDUCE = 110017
# Refusals of class REJECT that another price or a fuller book may cure. The others of the class
# are OTHER.
PRICE_CODES = frozenset(
    {
        *(30208, 30209, 110003, 110116, 110120, 110121, 170132, 170133, 170134),
        *(170192, 170193, 170194, 170218, 170371, 170372),
    }
)
THIN_BOOK_CODES = frozenset({110118})

_BY_CLASS: Mapping[RetCodeClass, VenueReason] = MappingProxyType(
    {
        RetCodeClass.RISK: VenueReason.MARGIN,
        RetCodeClass.SYMBOL: VenueReason.SYMBOL,
        RetCodeClass.FATAL: VenueReason.ACCOUNT,
    }
)

_BY_REDUCE_ONLY = "CancelByReduceOnly"
_OUR_CANCEL = frozenset({"CancelByUser", "EC_PerCancelRequest", "EC_CancelReplaceOrder"})
_SILENCE = frozenset({"", "UNKNOWN", "EC_NoError"})
_BY_WORD: Mapping[str, VenueReason] = MappingProxyType(
    {
        "CancelByCannotAffordOrderCost": VenueReason.MARGIN,
        "CancelByCrossReachMaxTradeNum": VenueReason.NO_LIQUIDITY,
        "CancelByDCP": VenueReason.DISCONNECTED,
        "CancelByPrepareLiq": VenueReason.LIQUIDATION,
        "CancelAllBeforeLiq": VenueReason.LIQUIDATION,
        "CancelByPrepareAdl": VenueReason.DELEVERAGING,
        "CancelAllBeforeAdl": VenueReason.DELEVERAGING,
        "CancelBySettle": VenueReason.SETTLEMENT,
        "CancelByDelivery": VenueReason.SETTLEMENT,
        # A person at the venue, or a block of the account.
        "CancelByAdmin": VenueReason.ACCOUNT,
        "CancelByAccountBlocking": VenueReason.ACCOUNT,
        "EC_PostOnlyWillTakeLiquidity": VenueReason.WOULD_TAKE,
        "EC_LimitOrderInvalidPrice": VenueReason.PRICE,
        "EC_InvalidPriceScale": VenueReason.PRICE,
        "EC_ReachRiskPriceLimit": VenueReason.PRICE,
        "EC_ReachMarketPriceLimit": VenueReason.PRICE,
        "EC_NoImmediateQtyToFill": VenueReason.NO_LIQUIDITY,
        "EC_NoEnoughQtyToFill": VenueReason.NO_LIQUIDITY,
        "EC_CancelForNoFullFill": VenueReason.NO_LIQUIDITY,
        "EC_ReachMaxTradeNum": VenueReason.NO_LIQUIDITY,
        "EC_InvalidSymbolStatus": VenueReason.SYMBOL,
        "EC_InCallAuctionStatus": VenueReason.SYMBOL,
        "EC_SecurityStatusFail": VenueReason.SYMBOL,
    }
)
# Where a record says two things, the graver one decides: the last of these.
_GRAVITY = (
    VenueReason.DISCONNECTED,
    VenueReason.WOULD_TAKE,
    VenueReason.PRICE,
    VenueReason.NO_LIQUIDITY,
    VenueReason.MARGIN,
    VenueReason.SYMBOL,
    VenueReason.SETTLEMENT,
    VenueReason.DELEVERAGING,
    VenueReason.LIQUIDATION,
    VenueReason.ACCOUNT,
)

_BY_EXECUTION = {
    "BustTrade": VenueReason.LIQUIDATION,
    "AdlTrade": VenueReason.DELEVERAGING,
    "Delivery": VenueReason.SETTLEMENT,
    "Settle": VenueReason.SETTLEMENT,
}
# Parts of a liquidation are reported as ordinary trades of an order that its engine has made.
_BY_CREATOR = {
    "CreateByLiq": VenueReason.LIQUIDATION,
    "CreateByTakeOver_PassThrough": VenueReason.LIQUIDATION,
    "CreateByAdl_PassThrough": VenueReason.DELEVERAGING,
    "CreateBySettle": VenueReason.SETTLEMENT,
}


def of_refusal(code: int, cls: RetCodeClass) -> VenueReason:
    """Why a request was refused with this retCode, whose class is `cls`."""
    if code == _NOTHING_TO_REDUCE:
        return VenueReason.NOTHING_TO_REDUCE
    if cls is not RetCodeClass.REJECT:
        return _BY_CLASS.get(cls, VenueReason.OTHER)
    if code in PRICE_CODES:
        return VenueReason.PRICE
    return VenueReason.NO_LIQUIDITY if code in THIN_BOOK_CODES else VenueReason.OTHER


def of_end(*, reject_reason: str, cancel_type: str) -> VenueReason:
    """Why an order ended, by its record's two fields. An unknown word is OTHER, silence is
    UNSTATED."""
    words = {cancel_type, reject_reason} - _SILENCE
    if cancel_type == _BY_REDUCE_ONLY:
        return VenueReason.NOTHING_TO_REDUCE
    known = {_BY_WORD[word] for word in words & _BY_WORD.keys()}
    if known:
        return max(known, key=_GRAVITY.index)
    if words & _OUR_CANCEL:
        return VenueReason.REQUESTED
    return VenueReason.OTHER if words else VenueReason.UNSTATED


def words_of_end(*, reject_reason: str, cancel_type: str) -> str:
    """The two fields as a record keeps them, without those that say nothing."""
    return ", ".join(word for word in (reject_reason, cancel_type) if word not in _SILENCE)


def of_execution(*, exec_type: str, create_type: str) -> VenueReason | None:
    """As what the exchange itself made this execution; None: it is somebody's ordinary trade."""
    return _BY_EXECUTION.get(exec_type) or _BY_CREATOR.get(create_type)
