"""Rows of a parent under way and of its children, that no session knows."""

from datetime import UTC, datetime, timedelta

from models.enums import ChildState, ParentState, Style
from models.tables import ChildOrderRow, ParentOrderRow

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)


def parent(**values: object) -> ParentOrderRow:
    given = {"state": ParentState.WORKING, "deadline_at": NOW + timedelta(minutes=5)}
    return ParentOrderRow(algorithm="passive", symbol="BTCUSDT", **{**given, **values})


def child(number: int, **values: object) -> ChildOrderRow:
    given = {"state": ChildState.WORKING, "style": Style.POST_ONLY, "cancels": 0}
    return ChildOrderRow(
        child_id=number,
        slot=number,
        symbol="BTCUSDT",
        order_link_id=f"mr-{number}",
        **{**given, **values},
    )
