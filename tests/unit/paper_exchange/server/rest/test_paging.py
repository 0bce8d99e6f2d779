from typing import Any
from urllib.parse import quote, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paper_exchange.server.rest.paging import page
from paper_exchange.types import Reject

Row = dict[str, Any]


def turn(rows: list[Row], params: dict[str, Any]) -> tuple[list[Any], str]:
    return page(rows, params, default=20, maximum=50, id_field="id", time_field="t")


def make(count: int) -> list[Row]:
    return [{"id": f"o{i}", "t": str(1000 + i // 3)} for i in range(count, 0, -1)]


@given(st.integers(0, 60), st.integers(1, 50))
def test_pages_join_to_the_whole(count: int, limit: int) -> None:
    rows, seen, params = make(count), [], {"limit": str(limit)}
    while True:
        chosen, cursor = turn(rows, params)
        seen += chosen
        if not cursor:
            break
        params["cursor"] = unquote(cursor)
    assert seen == rows


def test_new_rows_in_front_neither_repeat_nor_hide_any() -> None:
    rows = make(9)
    chosen, cursor = turn(rows, {"limit": "4"})
    rows.insert(0, {"id": "newer", "t": "2000"})
    rest, _ = turn(rows, {"limit": "50", "cursor": unquote(cursor)})
    assert chosen + rest == rows[1:]


def test_a_vanished_row_is_passed_by_time() -> None:
    rows = [{"id": f"o{i}", "t": str(i)} for i in range(9, 0, -1)]
    _, cursor = turn(rows, {"limit": "4"})
    del rows[3]
    rest, _ = turn(rows, {"limit": "50", "cursor": unquote(cursor)})
    assert [row["t"] for row in rest] == ["5", "4", "3", "2", "1"]


def test_a_cursor_may_come_encoded_once_more() -> None:
    rows = make(9)
    _, cursor = turn(rows, {"limit": "4"})
    assert "%3A" in cursor
    assert turn(rows, {"limit": "4", "cursor": cursor}) == turn(
        rows, {"limit": "4", "cursor": unquote(cursor)}
    )
    assert quote(cursor) != cursor


@pytest.mark.parametrize("cursor", ["x", "a:b", "o1:5,deadbeef", ",", "o1:5,"])
def test_a_foreign_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(Reject, match="cursor invalid"):
        turn(make(9), {"cursor": cursor})


def test_a_cursor_belongs_to_its_filters() -> None:
    _, cursor = turn(make(9), {"limit": "4", "symbol": "A"})
    with pytest.raises(Reject, match="cursor invalid"):
        turn(make(9), {"limit": "4", "symbol": "B", "cursor": unquote(cursor)})


@pytest.mark.parametrize("limit", ["0", "51"])
def test_a_page_has_a_size_within_bounds(limit: str) -> None:
    with pytest.raises(Reject, match="limit"):
        turn([], {"limit": limit})
