"""Whether the exchange's end of a child is worth another attempt."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from bot.execution.booking.endings import _failure, _was_cancelled_by_others
from models.enums import Style, VenueReason
from models.tables import ChildOrderRow

AT = datetime(2026, 11, 30, 12, tzinfo=UTC)


def child(**values: object) -> ChildOrderRow:
    given = {"qty": Decimal(2), "filled_qty": Decimal(1), "style": Style.LIMIT}
    return ChildOrderRow(**{**given, **values})


def test_a_cancel_that_nobody_of_us_asked_for_is_a_persons() -> None:
    assert _was_cancelled_by_others(child(), VenueReason.REQUESTED)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"cancel_requested_at": AT}, VenueReason.REQUESTED),
        ({"style": Style.IOC}, VenueReason.REQUESTED),
        ({"filled_qty": Decimal(2)}, VenueReason.REQUESTED),
        ({}, VenueReason.UNSTATED),
    ],
)
def test_our_own_cancels_and_the_exchanges_ends_are_no_persons(
    changed: dict[str, object], reason: VenueReason
) -> None:
    assert not _was_cancelled_by_others(child(**changed), reason)


def test_an_end_that_we_asked_for_is_no_failure() -> None:
    assert _failure(child(cancel_requested_at=AT), VenueReason.REQUESTED) is None
