"""Refused messages are counted in rows, by all workers together."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from sqlalchemy import select

from bot.decision import refusals as records
from models.repositories import refused
from models.tables import AuditRow
from tests.support.desk import Desk


def entries(desk: Desk) -> list[AuditRow]:
    with desk.db.reading() as session:
        return list(session.scalars(select(AuditRow).order_by(AuditRow.chain, AuditRow.seq)))


def refuse(desk: Desk, request_id: str, strategy: str = "loud") -> dict[str, Any]:
    return desk.approve(request_id, side="up", metadata={"strategy": strategy})


def counted(desk: Desk) -> int:
    with desk.db.reading() as session:
        return refused.total(session, desk.clock.now())


def test_workers_count_together(desk: Desk) -> None:
    with ThreadPoolExecutor(2) as workers:
        list(workers.map(lambda number: refuse(desk, f"r-{number}"), range(60)))
    assert counted(desk) == 60
    assert desk.audit_kinds() == ["bad_message"]


def test_one_that_comes_after_its_minute_was_summed_is_counted(desk: Desk) -> None:
    """Clocks of workers differ."""
    began = desk.clock.now()
    refuse(desk, "r-1")
    refuse(desk, "r-2")
    desk.pass_time(60)
    records.sum_up(desk.db, desk.clock)
    desk.clock.move_to(began)
    refuse(desk, "r-3")
    desk.pass_time(60)
    records.sum_up(desk.db, desk.clock)
    counts = [entry.payload["count"] for entry in entries(desk) if entry.kind == records.SUMMED]
    assert counts == [2, 3]
