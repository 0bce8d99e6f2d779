"""Classifies a failed child by the venue's reason; the fallback policy goes by the class.

`None` means that no fallback is needed: the child is filled, we cancelled it ourselves, the
position to reduce is gone, or the market came through a post-only order and its algorithm prices
the next one.
"""

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType

from models.backup import FailureClass
from models.enums import Style, VenueReason

_BY_REASON: Mapping[VenueReason, FailureClass] = MappingProxyType(
    {
        VenueReason.WOULD_TAKE: FailureClass.PRICE,
        VenueReason.PRICE: FailureClass.PRICE,
        VenueReason.NO_LIQUIDITY: FailureClass.NO_LIQUIDITY,
        VenueReason.MARGIN: FailureClass.MARGIN,
        VenueReason.DISCONNECTED: FailureClass.TIMEOUT,
        # The venue takes over or closes the symbol: no more risk there, exits as far as they go.
        VenueReason.SYMBOL: FailureClass.SYMBOL,
        VenueReason.LIQUIDATION: FailureClass.SYMBOL,
        VenueReason.DELEVERAGING: FailureClass.SYMBOL,
        VenueReason.SETTLEMENT: FailureClass.SYMBOL,
        # A person at the venue, or a block of the account: another order would work against them.
        VenueReason.ACCOUNT: FailureClass.FATAL,
        VenueReason.OTHER: FailureClass.REJECTED,
        VenueReason.UNSTATED: FailureClass.REJECTED,
    }
)


def classify_refusal(reason: VenueReason) -> FailureClass | None:
    """The class of a request that the venue refused for this reason.

    A reason without a class of its own counts as REJECTED: the fallback policy tries again, but
    never for long.
    """
    if reason is VenueReason.NOTHING_TO_REDUCE:
        return None
    return _BY_REASON.get(reason, FailureClass.REJECTED)


def classify_end(
    reason: VenueReason, *, qty: Decimal, filled: Decimal, style: Style
) -> FailureClass | None:
    """The class of an order that the venue ended for this reason.

    An IOC that leaves a rest without a stated reason met too thin a book. A resting order without a
    reason was REJECTED. A post-only order that ends because it would have taken is no failure: in
    a fast market many end so.
    """
    if filled >= qty or reason in (VenueReason.NOTHING_TO_REDUCE, VenueReason.REQUESTED):
        return None
    if reason is VenueReason.WOULD_TAKE and style is Style.POST_ONLY:
        return None
    if reason is VenueReason.UNSTATED and style is Style.IOC:
        return FailureClass.NO_LIQUIDITY
    return _BY_REASON[reason]
