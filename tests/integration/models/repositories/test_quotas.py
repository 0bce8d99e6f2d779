"""The use of quotas is counted in rows, without reading what was asked."""

from datetime import timedelta

from sqlalchemy import text

from models.repositories import quotas as quotas_in_rows
from models.repositories.quotas import Used
from tests.support.desk import ACCOUNT, Desk


def test_a_quota_is_counted_without_reading_what_was_asked(desk: Desk) -> None:
    """Seen: 200 open requests of 150 kB each took 30 ms, before anything was decided."""
    desk.approve("r-model")
    with desk.db.transaction() as session:
        session.execute(
            text(
                """
                INSERT INTO trade_request
                  SELECT (jsonb_populate_record(model, jsonb_build_object(
                    'request_id', 'r-' || n,
                    'status', CASE WHEN n <= 100 THEN 'executing' ELSE 'executed_successfully' END,
                    'payload', CASE WHEN n > 100 THEN payload ELSE payload || jsonb_build_object(
                      'returns', (SELECT jsonb_agg(md5(n || '-' || k)) FROM
                        generate_series(1, 1000) AS k)) END
                  ))).*
                  FROM trade_request AS model, generate_series(1, 3000) AS n
                """
            )
        )
        session.execute(text("ANALYZE trade_request"))
        wanted = {"account": ACCOUNT, "strategy": "test", "since": desk.clock.now()}
        plan = session.scalar(
            text(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {quotas_in_rows._USED}"), wanted
        )
        assert quotas_in_rows.used(
            session, ACCOUNT, "test", desk.clock.now() - timedelta(seconds=1)
        ) == Used(requests=3001, open_requests=101)
    assert plan is not None
    read = plan[0]["Plan"]
    # The payloads of the open requests alone are 400 pages.
    assert read["Shared Hit Blocks"] + read["Shared Read Blocks"] < 200
