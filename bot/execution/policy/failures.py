"""Classifies why a child order failed by the venue's words; the fallback policy goes by the class.

`None` means that no fallback is needed: the child is filled, we cancelled it ourselves, the
position to reduce is gone (`nothing_left_to_reduce` tells that case apart), or the market came
through a post-only order and its algorithm prices the next one.
"""

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType

from bot.exchange.bybit.retcodes import RetCodeClass
from models.backup import FailureClass
from models.enums import Style

_NOTHING_TO_REDUCE = 110017
_POST_ONLY_WOULD_TAKE = "EC_PostOnlyWillTakeLiquidity"
_BY_REDUCE_ONLY = "CancelByReduceOnly"

# Refusals of class REJECT that another price or a fuller book may cure. The others of the class
# are REJECTED.
_PRICE_CODES = frozenset(
    {
        *(30208, 30209, 110003, 110116, 110120, 110121, 170132, 170133, 170134),
        *(170192, 170193, 170194, 170218, 170371, 170372),
    }
)
_THIN_BOOK_CODES = frozenset({110118})

_BY_ACTION: Mapping[str, FailureClass] = MappingProxyType(
    {
        RetCodeClass.THROTTLE: FailureClass.THROTTLED,
        RetCodeClass.CLOCK: FailureClass.THROTTLED,
        RetCodeClass.RECONCILE: FailureClass.TIMEOUT,
        RetCodeClass.REJECT: FailureClass.REJECTED,
        RetCodeClass.RISK: FailureClass.MARGIN,
        RetCodeClass.SYMBOL: FailureClass.SYMBOL,
        RetCodeClass.FATAL: FailureClass.FATAL,
    }
)

# Sources: Bybit's pages "Enums: rejectReason, cancelType"; `docs/bybit.md` says what they mean.
_BY_VENUES_WORD: Mapping[str, FailureClass] = MappingProxyType(
    {
        "CancelByCannotAffordOrderCost": FailureClass.MARGIN,
        "CancelByCrossReachMaxTradeNum": FailureClass.NO_LIQUIDITY,
        # The venue lost our connection and cleared our orders: nothing is wrong with the order.
        "CancelByDCP": FailureClass.TIMEOUT,
        # The venue takes over or closes the symbol: no more risk there, exits as far as they go.
        "CancelByPrepareLiq": FailureClass.SYMBOL,
        "CancelAllBeforeLiq": FailureClass.SYMBOL,
        "CancelByPrepareAdl": FailureClass.SYMBOL,
        "CancelAllBeforeAdl": FailureClass.SYMBOL,
        "CancelBySettle": FailureClass.SYMBOL,
        "CancelByDelivery": FailureClass.SYMBOL,
        # A person at the venue, or a block of the account: another order would work against them.
        "CancelByAdmin": FailureClass.FATAL,
        "CancelByAccountBlocking": FailureClass.FATAL,
        _POST_ONLY_WOULD_TAKE: FailureClass.PRICE,
        "EC_LimitOrderInvalidPrice": FailureClass.PRICE,
        "EC_InvalidPriceScale": FailureClass.PRICE,
        "EC_ReachRiskPriceLimit": FailureClass.PRICE,
        "EC_ReachMarketPriceLimit": FailureClass.PRICE,
        "EC_NoImmediateQtyToFill": FailureClass.NO_LIQUIDITY,
        "EC_NoEnoughQtyToFill": FailureClass.NO_LIQUIDITY,
        "EC_CancelForNoFullFill": FailureClass.NO_LIQUIDITY,
        "EC_ReachMaxTradeNum": FailureClass.NO_LIQUIDITY,
        "EC_InvalidSymbolStatus": FailureClass.SYMBOL,
        "EC_InCallAuctionStatus": FailureClass.SYMBOL,
        "EC_SecurityStatusFail": FailureClass.SYMBOL,
    }
)
# If a record says two things, the graver one decides: the last in this order.
_GRAVITY = tuple(FailureClass)
_OUR_CANCEL = frozenset({"CancelByUser", "EC_PerCancelRequest", "EC_CancelReplaceOrder"})
_SILENCE = frozenset({"", "UNKNOWN", "EC_NoError"})


def classify_refusal(ret_code: int, action: str) -> FailureClass | None:
    """The class of a request that the venue refused; `action` is the name of its RetCodeClass.

    An unknown action counts as REJECTED: the fallback policy tries again, but never for long.
    """
    if nothing_left_to_reduce(ret_code=ret_code):
        return None
    failure = _BY_ACTION.get(action, FailureClass.REJECTED)
    if failure is not FailureClass.REJECTED:
        return failure
    if ret_code in _PRICE_CODES:
        return FailureClass.PRICE
    return FailureClass.NO_LIQUIDITY if ret_code in _THIN_BOOK_CODES else failure


def classify_end(
    *, cancel_type: str, reject_reason: str, qty: Decimal, filled: Decimal, style: Style
) -> FailureClass | None:
    """The class of an order that the venue ended.

    An IOC that leaves a rest without a stated reason met too thin a book. A resting order without a
    reason, or any order with an unknown reason, was REJECTED. A post-only order that ends because
    it would have taken is no failure: in a fast market many end so.
    """
    words = {cancel_type, reject_reason} - _SILENCE
    if filled >= qty or nothing_left_to_reduce(cancel_type=cancel_type):
        return None
    if words == {_POST_ONLY_WOULD_TAKE} and style is Style.POST_ONLY:
        return None
    known = {_BY_VENUES_WORD[word] for word in words & _BY_VENUES_WORD.keys()}
    if known:
        return max(known, key=_GRAVITY.index)
    if words & _OUR_CANCEL:
        return None
    if not words and style is Style.IOC:
        return FailureClass.NO_LIQUIDITY
    return FailureClass.REJECTED


def cancelled_by_request(*, cancel_type: str, reject_reason: str) -> bool:
    """Whether the venue says that the cancel was requested, by us or by a person there."""
    return bool({cancel_type, reject_reason} & _OUR_CANCEL)


def nothing_left_to_reduce(*, ret_code: int | None = None, cancel_type: str = "") -> bool:
    """Whether the venue says that there is no position to reduce. The parent's goal is met then."""
    return ret_code == _NOTHING_TO_REDUCE or cancel_type == _BY_REDUCE_ONLY
