"""Reports on the controls are stored once, and the audit shows whether they are as they were."""

import pytest
from sqlalchemy import select, text

from bot.authority.actors import SIGNED
from bot.safety import assurance
from bot.safety.assurance import AssuranceReport
from models.tables import AssuranceReportRow, AuditRow
from tests.support.desk import ACCOUNT, Desk
from tests.support.operators import operator

pytestmark = pytest.mark.services


def store(desk: Desk, number: int, kind: str = assurance.CALIBRATION) -> AssuranceReportRow:
    report = {"counts": {"keep": number}, "shares": [0.0, 0.25, None]}
    made = AssuranceReport(kind, ACCOUNT, desk.clock.now(), {"counts": {"keep": number}}, report)
    return assurance.store(desk.db, made, operator("ann"))


def test_a_report_is_a_row_and_a_signed_entry_and_the_newest_comes_first(desk: Desk) -> None:
    store(desk, 1)
    last = store(desk, 2)
    store(desk, 3, assurance.SELF_ASSESSMENT)
    with desk.db.reading() as session:
        rows = assurance.newest(session, ACCOUNT, assurance.CALIBRATION, 10)
        entries = session.scalars(select(AuditRow).where(AuditRow.kind == assurance.REPORTED)).all()
        assert assurance.newest(session, "other", assurance.CALIBRATION, 10) == []
        assert all(assurance.is_as_recorded(session, row) for row in rows)
    assert [row.report["counts"]["keep"] for row in rows] == [2, 1]
    assert (rows[0].report_id, rows[0].actor) == (last.report_id, "operator:ann")
    assert all(SIGNED in entry.payload for entry in entries)
    assert entries[0].payload["counts"] == {"keep": 1}


def test_a_report_that_was_changed_is_not_as_the_audit_has_it(desk: Desk) -> None:
    number = store(desk, 1).report_id
    with desk.db.transaction() as session:
        changed = text("UPDATE assurance_report SET report = jsonb_set(report, '{counts}', '{}')")
        session.execute(changed)
    with desk.db.reading() as session:
        row = session.get_one(AssuranceReportRow, number)
        assert not assurance.is_as_recorded(session, row)


def test_another_reports_entry_does_not_vouch_for_it(desk: Desk) -> None:
    first = store(desk, 1)
    store(desk, 2)
    with desk.db.transaction() as session:
        session.execute(
            text(
                "UPDATE assurance_report SET report = (SELECT report FROM assurance_report"
                " WHERE report_id <> :id) WHERE report_id = :id"
            ),
            {"id": first.report_id},
        )
    with desk.db.reading() as session:
        row = session.get_one(AssuranceReportRow, first.report_id)
        assert not assurance.is_as_recorded(session, row)
