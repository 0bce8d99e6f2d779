"""Rows from before typed documents are read, and stay as they are."""

from collections.abc import Mapping
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm.attributes import flag_modified

from models.documents.orders import Arrival, FallbackProgress, Throttle, ThrottleKind, VolumeMark
from models.documents.stored_form import UnreadDocument
from models.enums import Direction, VersionState
from models.repositories.safety import watching
from models.tables import (
    Base,
    ChildOrderRow,
    ConfigVersionRow,
    ParentOrderRow,
    PositionRow,
    PositionWatchRow,
    TradingLeaseRow,
)
from tests.support.desk import ACCOUNT, Desk

pytestmark = pytest.mark.services

MOMENT = "2026-01-02T03:04:05.678901+00:00"
FORMER: Mapping[type[Base], Mapping[str, str]] = {
    ParentOrderRow: {
        "pace": f"""{{"kind": "slow", "speed": "0.50", "size": "1", "cause": "volatility",
            "value": "1.6", "limit": "1.5", "since": "{MOMENT}", "holds": ["volatility"]}}""",
        "ladder": f"""{{"positions": {{"timeout": 2, "price": 0}}, "algorithm": "passive",
            "size": "0.25", "bound_bps": "75", "not_before": "{MOMENT}"}}""",
        "volume_mark": f"""{{"since": "{MOMENT}", "counter": "120.50", "counted": "0"}}""",
    },
    ChildOrderRow: {
        "arrival": f"""{{"bid": "64999.90", "ask": "65000", "as_of": "{MOMENT}"}}""",
    },
    PositionRow: {"other_fees": """{"MNT": "0.50", "ODD": "-3"}"""},
    PositionWatchRow: {"told": """["stop_loss", "no_price"]"""},
    TradingLeaseRow: {
        "readings": """[{"name": "beat", "meaning": "beat's last tick", "age_seconds": 12.5,
            "deadline_seconds": 10.0, "consequence": "not renewed", "problem": "12.5 s old"},
            {"name": "audit", "meaning": "an audit", "age_seconds": null,
            "deadline_seconds": 60.0, "consequence": "taken back", "problem": null}]"""
    },
    ConfigVersionRow: {
        "changes": """[{"path": "gate.max_leverage", "before": 3.0, "after": [1, "a", null],
            "direction": "tightening", "unset": false}]"""
    },
}


def _rows(desk: Desk) -> None:
    """At least one row in each table."""
    desk.approve()
    desk.send_due()
    desk.stream()
    now = desk.clock.now()
    with desk.db.transaction() as session:
        watching.new_watch(session, ACCOUNT, "BTCUSDT", now)
        session.add(
            ConfigVersionRow(
                created_at=now,
                changed_at=now,
                environment="development",
                mode="paper",
                changes=(),
                override={},
                direction=Direction.TIGHTENING,
                state=VersionState.SUPERSEDED,
                actor="test",
                proposed_by="test",
                reason="",
                sha256="",
            )
        )


def _write(desk: Desk, table: type[Base], values: Mapping[str, str]) -> None:
    sets = ", ".join(f"{column} = CAST(:{column} AS jsonb)" for column in values)
    with desk.db.transaction() as session:
        session.execute(text(f"UPDATE {table.__tablename__} SET {sets}"), values)


def _stored(desk: Desk, table: type[Base], columns: Mapping[str, Any]) -> list[tuple[str, ...]]:
    read = ", ".join(f"CAST({column} AS text)" for column in columns)
    with desk.db.reading() as session:
        found = session.execute(text(f"SELECT {read} FROM {table.__tablename__}"))
        return [tuple(row) for row in found]


def test_a_row_in_the_former_form_is_read_and_written_again_without_a_change(desk: Desk) -> None:
    _rows(desk)
    for table, columns in FORMER.items():
        _write(desk, table, columns)
        before = _stored(desk, table, columns)
        assert before, table
        with desk.db.transaction() as session:
            for row in session.scalars(select(table)):
                for column in columns:
                    assert not isinstance(getattr(row, column), UnreadDocument), column
                    flag_modified(row, column)
        assert _stored(desk, table, columns) == before
    parent, (child, *_) = desk.parent(), desk.children()
    assert isinstance(parent.pace, Throttle) and parent.pace.kind is ThrottleKind.SLOW
    assert isinstance(parent.ladder, FallbackProgress) and isinstance(
        parent.volume_mark, VolumeMark
    )
    assert isinstance(child.arrival, Arrival)


def test_a_document_that_cannot_be_read_spoils_no_other_row_and_stays_as_it_is(desk: Desk) -> None:
    for request_id in ("r-1", "r-2"):
        desk.approve(request_id)
    odd = {"pace": '{"kind": "odd"}'}
    _write(desk, ParentOrderRow, odd)
    with desk.db.transaction() as session:
        rows = session.scalars(select(ParentOrderRow)).all()
        assert [isinstance(row.pace, UnreadDocument) for row in rows] == [True, True]
        rows[0].pace = None
        rows[1].failure = "another column"
    assert sorted(_stored(desk, ParentOrderRow, odd)) == [("null",), ('{"kind": "odd"}',)]
