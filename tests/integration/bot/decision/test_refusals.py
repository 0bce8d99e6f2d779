"""A flood of bad messages: each is answered, few are recorded, and all are counted."""

import json
from typing import Any

import pytest
from sqlalchemy import select

from bot.decision import refusals as records
from models.repositories import refused
from models.tables import AuditRow
from tests.support.desk import Desk

FLOOD = 2000


def entries(desk: Desk) -> list[AuditRow]:
    with desk.db.reading() as session:
        return list(session.scalars(select(AuditRow).order_by(AuditRow.chain, AuditRow.seq)))


def refuse(desk: Desk, request_id: str, strategy: str = "loud") -> dict[str, Any]:
    return desk.approve(request_id, side="up", metadata={"strategy": strategy})


def counted(desk: Desk) -> int:
    with desk.db.reading() as session:
        return refused.total(session, desk.clock.now())


@pytest.mark.long
def test_a_flood_is_one_sample_and_one_exact_count_and_hides_nothing_else(desk: Desk) -> None:
    for number in range(FLOOD):
        answer = refuse(desk, f"r-{number}")
        assert (answer["request_id"], answer["error"]["type"]) == (f"r-{number}", "bad_message")
        if number == FLOOD // 2:
            refuse(desk, "quiet", strategy="quiet")
            desk.approval.validate_and_execute(desk.request("r-good"))
            assert desk.approve("r-good", side="sell")["error"]["type"] == "request_id_taken"
    assert counted(desk) == FLOOD + 2
    records.sum_up(desk.db, desk.clock)
    assert records.SUMMED not in desk.audit_kinds()  # the minute is not over
    desk.pass_time(60)
    records.sum_up(desk.db, desk.clock)
    records.sum_up(desk.db, desk.clock)
    found = entries(desk)
    kinds = [entry.kind for entry in found]
    assert sorted(kinds) == sorted(
        ["bad_message", "bad_message", "decision", "request_id_taken", records.SUMMED]
    )
    (sample,) = (entry for entry in found if entry.subject == "r-0")
    assert sample.payload["errors"][0]["field"] == "side"
    (summed,) = (entry for entry in found if entry.kind == records.SUMMED)
    assert (summed.subject, summed.payload["count"]) == ("loud", FLOOD)
    assert all(len(json.dumps(entry.payload)) < 10_000 for entry in found)


def test_invented_names_are_counted_together(desk: Desk) -> None:
    for number in range(100):
        refuse(desk, f"r-{number}", strategy=f"name-{number}")
    desk.pass_time(60)
    records.sum_up(desk.db, desk.clock)
    assert len(entries(desk)) <= refused.MAX_SENDERS + 2
    (rest,) = (entry for entry in entries(desk) if entry.subject == refused.OTHERS)
    assert rest.payload["count"] == 100 - refused.MAX_SENDERS
