"""An exporter as a process, its answers as numbers, and what SQL says about the same."""

import os
import subprocess
import sys
import urllib.request
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import text

from models.database import Database
from tests.support.services import free_port
from tests.support.waiting import PATIENCE_SECONDS
from workers.exporter.catalogue import SOURCES

_ROOT = Path(__file__).parents[3]


class ExporterProcess:
    """One exporter with logins of its own. It counts nothing that it doesn't read from rows."""

    def __init__(self, database_url: str, redis_url: str, account: str, log: Path) -> None:
        self.port = free_port()
        self.log = log
        kept = {k: v for k, v in os.environ.items() if not k.startswith("MLRISK_")}
        self._env = {
            **kept,
            "MLRISK_DATABASE_URL": database_url,
            "MLRISK_REDIS_URL": redis_url,
            "MLRISK_ACCOUNT": account,
        }
        self.process = self._started()

    def _started(self) -> "subprocess.Popen[bytes]":
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "workers.exporter.main", "--port", str(self.port)],
                cwd=_ROOT,
                env=self._env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def kill(self) -> None:
        """`kill -9`."""
        self.process.kill()
        self.process.wait()

    def kill_and_start(self) -> None:
        """`kill -9`, and another process on the same port."""
        self.kill()
        self.process = self._started()

    def metrics(self) -> dict[str, float]:
        """Every sample by its name and the values of its labels; empty while nobody answers."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        url = f"http://127.0.0.1:{self.port}/metrics"
        try:
            with opener.open(url, timeout=PATIENCE_SECONDS) as reply:
                body = reply.read().decode()
        except OSError:
            assert self.process.poll() is None, self.log.read_text()
            return {}
        return {
            " ".join((sample.name, *sample.labels.values())): sample.value
            for family in text_string_to_metric_families(body)
            for sample in family.samples
        }

    def is_up(self) -> bool:
        """Whether every source was read."""
        found = self.metrics()
        return bool(found) and all(found[f"mlrisk_up {source}"] == 1 for source in SOURCES)


_SQL = {
    "mlrisk_decisions_total": "SELECT verdict, count(*) FROM decision GROUP BY 1",
    "mlrisk_decision_blocks_total": (
        "SELECT reason, count(*) FROM decision_figures, unnest(reasons) AS reason"
        " WHERE verdict = 'deny' GROUP BY 1"
    ),
    "mlrisk_trades_ended_total": (
        "SELECT algorithm || ' ' || CASE end_cause WHEN 'nothing_to_reduce' THEN end_cause"
        " ELSE state END, count(*) FROM parent_order WHERE finished_at IS NOT NULL GROUP BY 1"
    ),
    "mlrisk_orders_ended_total": (
        "SELECT state, count(*) FROM child_order WHERE final_at IS NOT NULL"
        " AND sent_at IS NOT NULL GROUP BY 1"
    ),
    "mlrisk_order_answers_total": (
        "SELECT coalesce(ret_code::text, 'none'), count(*) FROM child_order"
        " WHERE final_at IS NOT NULL AND sent_at IS NOT NULL GROUP BY 1"
    ),
    "mlrisk_slice_lateness_seconds_count": (
        "SELECT NULL, count(*) FROM child_order WHERE sent_at IS NOT NULL"
    ),
    "mlrisk_fills_total": "SELECT source, count(*) FROM fill GROUP BY 1",
    "mlrisk_messages_refused_total": "SELECT kind, sum(count) FROM refused_messages GROUP BY 1",
    "mlrisk_emergency_stops_total": "SELECT NULL, count(*) FROM audit_entry WHERE kind = 'halted'",
    "mlrisk_breaker_trips_total": "SELECT kind, count(*) FROM breaker_trip GROUP BY 1",
}
"""What each counter must be."""


def counters_of(metrics: dict[str, float]) -> dict[str, float]:
    """The counters that SQL is asked for, without zeros."""
    return {name: value for name, value in metrics.items() if value and name.split(" ")[0] in _SQL}


def counters_by_sql(db: Database) -> dict[str, float]:
    """The same by SQL alone."""
    found = {}
    with db.reading() as session:
        for name, statement in _SQL.items():
            for value, count in session.execute(text(statement)):
                found[name if value is None else f"{name} {value}"] = float(count)
    return {name: value for name, value in found.items() if value}
