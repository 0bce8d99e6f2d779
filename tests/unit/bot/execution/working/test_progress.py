"""Rows and market reach the algorithm as they are, and a hurried exit as if it had less time."""

from datetime import timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from bot.execution.working.progress import factors, progress_of, touch_of
from models.documents.orders import FallbackProgress, Throttle, ThrottleKind
from models.enums import ChildState, TradeSide
from models.tables import ChildOrderRow, ParentOrderRow
from tests.unit.bot.risk.cases import LIMITS, NOW, market

D = Decimal


def parent(**changes: object) -> ParentOrderRow:
    row = ParentOrderRow(
        approved_qty=D("1.0"),
        filled_qty=D("0.3"),
        released_qty=D("0.2"),
        start_at=NOW,
        deadline_at=NOW + timedelta(seconds=60),
    )
    for name, value in changes.items():
        setattr(row, name, value)
    return row


def child(**changes: object) -> ChildOrderRow:
    row = ChildOrderRow(
        slot=0, qty=D("0.4"), filled_qty=D("0.3"), price=D(100), style="post_only",
        planned_at=NOW, state=ChildState.WORKING,
    )  # fmt: skip
    for name, value in changes.items():
        setattr(row, name, value)
    return row


def pace(speed: str, size: str = "1") -> Throttle:
    return Throttle(ThrottleKind.HURRY, D(speed), D(size), "test", None, None, NOW)


def test_what_was_released_is_no_longer_worked_towards() -> None:
    found = progress_of(parent(), [child()], None, NOW)
    assert (found.total, found.filled) == (D("0.8"), D("0.3"))
    assert found.open_qty == D("0.1")
    assert found.remaining == D("0.4")


def test_a_child_that_was_sent_stands_since_then_and_one_that_was_not_since_its_plan() -> None:
    later = NOW + timedelta(seconds=3)
    found = progress_of(parent(), [child(), child(slot=1, sent_at=later)], None, NOW)
    assert [c.placed_at for c in found.children] == [NOW, later]


@given(st.integers(0, 120), st.sampled_from(["1.5", "2", "4"]))
def test_a_hurried_deadline_is_never_later_and_never_over_before_the_real_one(
    seconds: int, speed: str
) -> None:
    now = NOW + timedelta(seconds=seconds)
    real = parent().deadline_at
    hurried = progress_of(parent(), [], pace(speed), now).deadline_at
    assert hurried <= real
    assert hurried > now or now >= real


def test_without_a_hurry_the_deadline_is_the_parents() -> None:
    for calm in (None, pace("1"), pace("0.5")):
        assert progress_of(parent(), [], calm, NOW).deadline_at == parent().deadline_at


def test_failures_and_risk_make_a_child_smaller_together() -> None:
    failed = parent(ladder=FallbackProgress(size=D("0.5")))
    assert factors(None, failed).size == D("0.5")
    both = factors(pace("0.5", "0.5"), failed)
    assert (both.speed, both.size) == (D("0.5"), D("0.25"))


def test_an_old_or_unknown_market_is_an_unusable_touch() -> None:
    old = market(as_of=NOW - timedelta(minutes=1))
    for view in (None, old, market(ask=None)):
        assert not touch_of(TradeSide.BUY, view, D(7), LIMITS, NOW).usable
    fresh = touch_of(TradeSide.BUY, market(), D(7), LIMITS, NOW)
    assert fresh.usable
    assert (fresh.bid_size, fresh.ask_size) == (D(5), D(5))
    assert fresh.traded_volume_since_start == 7
