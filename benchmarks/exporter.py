"""What the exporter costs beside a large past: its first reading, each scrape, memory, processor.

`python -m benchmarks.exporter`. On a Postgres and a Redis of its own, the real process reads a past
of finished trades, each with its request, decision, parent, child and fill. The long records of
the decisions are left empty, because the exporter does not read them.
"""

import argparse
import json
import os
import subprocess
import sys
import time
import urllib.request
from typing import Any

import psutil
from sqlalchemy import text

from benchmarks.support.whole_system import machine, quantiles
from models.database import Database
from models.provisioning import provision
from models.repositories.trading import tallies
from tests.support.bulk import Bulk
from tests.support.desk import ACCOUNT, Desk
from tests.support.services import free_port, postgres_server, redis_server

BLOCK = 50_000
_WAIT_SECONDS = 600.0


def fill(db: Database, trades: int) -> None:
    """Adds the past."""
    desk = Desk(db)
    if desk.approve("model")["verdict"] == "deny":
        raise RuntimeError("the model trade was denied")
    desk.send_due()
    desk.stream()
    with db.transaction() as session:
        session.execute(text("UPDATE decision SET snapshot = '{}', limits = '{}', decision = '{}'"))
    bulk = Bulk(db, "model")
    for done in range(0, trades, BLOCK):
        bulk.children(min(BLOCK, trades - done), of_a_parent=1)
        bulk.fills()
        with db.transaction() as session:
            tallies.fold(session)
    bulk.analyse()


class Scraped:
    """The real process and its answers."""

    def __init__(self, database_url: str, redis_url: str) -> None:
        self._port = free_port()
        self._started = time.perf_counter()
        kept = {name: value for name, value in os.environ.items() if "MLRISK" not in name}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "workers.exporter.main", "--port", str(self._port)],
            env={
                **kept,
                "MLRISK_DATABASE_URL": database_url,
                "MLRISK_REDIS_URL": redis_url,
                "MLRISK_ACCOUNT": ACCOUNT,
            },
            stderr=subprocess.DEVNULL,
        )
        self.seen = psutil.Process(self.process.pid)

    def scrape(self) -> tuple[str, float]:
        """One answer, and its milliseconds."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        begun = time.perf_counter()
        with opener.open(f"http://127.0.0.1:{self._port}/metrics", timeout=60) as reply:
            body = reply.read().decode()
        return body, (time.perf_counter() - begun) * 1000

    def first_seconds(self) -> float:
        """The seconds from the start to the first answer with all counted rows."""
        while time.perf_counter() - self._started < _WAIT_SECONDS:
            try:
                body, _ = self.scrape()
            except OSError:
                body = ""
            if 'mlrisk_up{source="rows"} 1.0' in body:
                return time.perf_counter() - self._started
            time.sleep(0.2)
        raise RuntimeError("the exporter never read the rows")

    def cost(self, seconds: float, times: int) -> dict[str, Any]:
        """Scrapes, and what the process used meanwhile."""
        before, begun = self.seen.cpu_times(), time.perf_counter()
        took, body = [], ""
        for _ in range(times):
            body, milliseconds = self.scrape()
            took.append(milliseconds)
            time.sleep(seconds / times)
        after, lasted = self.seen.cpu_times(), time.perf_counter() - begun
        used = after.user + after.system - before.user - before.system
        readings = {
            line.split('"')[1]: float(line.split()[-1])
            for line in body.splitlines()
            if line.startswith("mlrisk_source_read_seconds{")
        }
        return {
            "scrape_ms": quantiles(took),
            "bytes": len(body),
            "series": sum(not line.startswith("#") for line in body.splitlines()),
            "reading_seconds": readings,
            "processor_share": used / lasted,
            "memory_mb": self.seen.memory_info().rss / 1e6,
        }


def run(trades: int, seconds: float, times: int) -> dict[str, Any]:
    """The figures of one past."""
    with postgres_server() as postgres, redis_server() as redis:
        logins = postgres.logins(postgres.create_database())
        provision(logins)
        assert logins.bootstrap is not None
        db = Database(logins.bootstrap, pool_size=2)
        fill(db, trades)
        db.dispose()
        scraped = Scraped(logins.exporter, redis.embedded.url(user="exporter"))
        try:
            found = {"trades": trades, "first_reading_seconds": scraped.first_seconds()}
            return {**found, **scraped.cost(seconds, times)}
        finally:
            scraped.process.terminate()
            scraped.process.wait()


def report(found: dict[str, Any]) -> None:
    """The figures in words."""
    scrape, readings = found["scrape_ms"], found["reading_seconds"]
    print(f"{found['trades']:,} decisions, trades, orders and fills")
    print(f"first reading with everything counted: {found['first_reading_seconds']:.1f} s")
    print(f"scrape: p50 {scrape['p50']:.1f} ms, p99 {scrape['p99']:.1f} ms, {found['bytes']:,} B")
    print(f"series: {found['series']}")
    for source, lasted in sorted(readings.items()):
        print(f"last reading of {source}: {lasted * 1000:.1f} ms")
    print(f"processor: {found['processor_share']:.1%} of one core")
    print(f"memory: {found['memory_mb']:.0f} MB")


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--trades", type=int, default=1_000_000, help="in the past (%(default)s)")
    parser.add_argument("--seconds", type=float, default=30.0, help="of scraping (%(default)s)")
    parser.add_argument("--scrapes", type=int, default=60, help="in that time (%(default)s)")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON alone")
    arguments = parser.parse_args()
    if not arguments.json:
        print(machine())
    found = run(arguments.trades, arguments.seconds, arguments.scrapes)
    if arguments.json:
        print(json.dumps(found))
    else:
        report(found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
