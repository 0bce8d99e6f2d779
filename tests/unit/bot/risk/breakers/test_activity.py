"""Which executions failed, and what counts as trading in circles."""

from decimal import Decimal

import pytest

from bot.risk.breakers.activity import SentOrder, Turnover, failures, has_failed, is_churn
from models.enums import ChildState as State
from models.enums import VenueReason as Reason

D = Decimal


@pytest.mark.parametrize(
    ("execution", "failed"),
    [
        (SentOrder(State.FILLED, None, refused=False, filled=True), False),
        (SentOrder(State.CANCELLED, Reason.MARGIN, refused=False, filled=True), False),
        (SentOrder(State.REJECTED, Reason.MARGIN, refused=True, filled=False), True),
        (SentOrder(State.REJECTED, Reason.ACCOUNT, refused=True, filled=False), True),
        (SentOrder(State.REJECTED, Reason.PRICE, refused=True, filled=False), True),
        (SentOrder(State.REJECTED, Reason.OTHER, refused=True, filled=False), True),
        (SentOrder(State.REJECTED, None, refused=True, filled=False), True),
        (SentOrder(State.CANCELLED, Reason.DISCONNECTED, refused=False, filled=False), True),
        (SentOrder(State.UNKNOWN, None, refused=False, filled=False), True),
        (SentOrder(State.LOST, None, refused=False, filled=False), True),
        (SentOrder(State.CANCELLED, Reason.REQUESTED, refused=False, filled=False), False),
        (SentOrder(State.CANCELLED, Reason.WOULD_TAKE, refused=False, filled=False), False),
        (SentOrder(State.REJECTED, Reason.WOULD_TAKE, refused=True, filled=False), False),
        (SentOrder(State.CANCELLED, Reason.NO_LIQUIDITY, refused=False, filled=False), False),
        (SentOrder(State.REJECTED, Reason.NOTHING_TO_REDUCE, refused=True, filled=False), False),
        (SentOrder(State.CANCELLED, None, refused=False, filled=False), False),
        (SentOrder(State.WORKING, None, refused=False, filled=False), None),
        (SentOrder(State.SENDING, None, refused=False, filled=False), None),
    ],
    ids=str,
)
def test_rejects_by_our_fault_or_the_venues_count(
    execution: SentOrder, failed: bool | None
) -> None:
    assert has_failed(execution) is failed


def test_the_rate_leaves_out_what_is_under_way() -> None:
    good = SentOrder(State.FILLED, None, refused=False, filled=True)
    bad = SentOrder(State.REJECTED, Reason.MARGIN, refused=True, filled=False)
    open_ = SentOrder(State.WORKING, None, refused=False, filled=False)
    assert failures([good, good, bad, open_]) == (1, 3)


@pytest.mark.parametrize(
    ("bought", "sold", "churns"),
    [
        ("1500", "1500", True),
        ("1650", "1350", True),
        ("1700", "1300", False),
        ("1499", "1500", False),
        ("3000", "0", False),
        ("0", "9000", False),
    ],
)
def test_churn_is_much_turnover_for_little_change(bought: str, sold: str, churns: bool) -> None:
    """An equity of 1,000, judged from three times of it on, at a ratio of ten."""
    turnover = Turnover(D(bought), D(sold))
    assert is_churn(turnover, D(1000), least=D(3), ratio=D(10)) is churns
