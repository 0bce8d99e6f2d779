"""The audit: entries taken in, provable after, verified, and what it costs decisions.

`python -m benchmarks.audit` starts a Postgres of its own. Two processes write entries while a third
one keeps the log and its witness, as the safety process and the watchdog do. All are up before the
time begins.
"""

import argparse
import json
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from multiprocessing.synchronize import Barrier, Event
from pathlib import Path

import psutil
from sqlalchemy import func, select

from bot.clock import SystemClock
from models import migrate
from models.audit import AuditDraft, append_entries, chained_hash, content_of
from models.database import Database
from models.tables import AuditLeafRow
from models.transparency.checking import Evidence, check
from models.transparency.offline_verifier import Checkpoint, VerifierKey
from models.transparency.submission import (
    LogDirectory,
    WitnessDirectory,
    read,
    read_note,
)
from tests.support.reserving import run
from tests.support.services import postgres_server
from workers.audit_log import AuditLogKeeper
from workers.stop_event import StopEvent
from workers.watchdog.witness import LOOK_SECONDS, Witness

_PROCESSES = multiprocessing.get_context("spawn")
PROBES = 12
_PATIENCE_SECONDS = 300.0
PAYLOAD = {
    "verdict": "allow",
    "approved_notional": "1234.567800000000000000",
    "reasons": ["position_limit"],
    "decision_sha256": "f" * 64,
    "risk_level": "moderate",
}
"""As the entry of a decision has it."""


@dataclass(frozen=True)
class Figures:
    """What was measured."""

    written: int
    seconds: float
    taken_in_per_second: float
    processor_microseconds_per_entry: float
    """Of writers, log, witness and Postgres together; other work on the machine changes it
    little."""
    two_idle_cores_take_in_per_second: float
    """What that processor time allows."""
    all_witnessed_after_seconds: float
    """From the last entry of the writers until the witness has signed all of theirs."""
    signed_after_p50_seconds: float
    signed_after_max_seconds: float
    witnessed_after_p50_seconds: float
    witnessed_after_max_seconds: float
    verified_per_second_and_core: float
    chain_microseconds_per_entry: float
    decisions_per_second_without: float
    decisions_per_second_with: float


GOALS = {
    "taken_in_per_second": ">= 2,000",
    "all_witnessed_after_seconds": "<= 2",
    "witnessed_after_max_seconds": "<= 2",
    "verified_per_second_and_core": ">= 30,000",
}


def _write(url: str, chain: str, gate: Barrier, transactions: int, each: int) -> None:
    db = Database(url, pool_size=1)
    db.ping()
    gate.wait(_PATIENCE_SECONDS)
    for n in range(transactions):
        with db.transaction() as session:
            at = datetime.now(UTC)
            append_entries(
                session,
                [
                    AuditDraft(chain, "decision", f"r-{n}-{m}", "gate", PAYLOAD, at)
                    for m in range(each)
                ],
            )
    gate.wait(_PATIENCE_SECONDS)
    db.dispose()


def _keep(url: str, home: Path, done: Event) -> None:
    """The log and its witness, in one process."""
    stop, db = StopEvent(), Database(url, pool_size=1)
    log, own = LogDirectory(home / "log"), WitnessDirectory(home / "witness")
    keeper = AuditLogKeeper(db, SystemClock(), (log, own), stop)
    keeper.start()
    witness = Witness(log, own, SystemClock())
    while not done.wait(LOOK_SECONDS):
        witness.look()
    stop.set()
    keeper.join()
    if keeper._fault is not None:
        print(keeper._fault, file=sys.stderr)


@contextmanager
def kept(url: str, home: Path) -> Iterator[None]:
    """While the log of this database is kept."""
    done = _PROCESSES.Event()
    process = _PROCESSES.Process(target=_keep, args=(url, home, done))
    process.start()
    try:
        yield
    finally:
        done.set()
        process.join()


def _progress(db: Database, own: WitnessDirectory) -> tuple[int, int]:
    """The leaves that are in a signed head, and those that are witnessed."""
    with db.reading() as session:
        signed = session.scalar(select(func.max(AuditLeafRow.leaf)))
    note = read_note(own.cosigned)
    witnessed = 0 if note is None else Checkpoint.parse(note.text).size
    return 0 if signed is None else signed + 1, witnessed


def _delays(
    db: Database, home: Path, expected: int, probes: int
) -> tuple[list[float], list[float]]:
    """For single entries on an idle log: until signed, and until witnessed."""
    own, signed_after, witnessed_after = WitnessDirectory(home / "witness"), [], []
    for n in range(probes):
        time.sleep(0.37)  # another moment of the log's second
        _write_probe(db, f"{n}")
        begun, expected, signed = time.perf_counter(), expected + 1, None
        while True:
            now = _progress(db, own)
            if signed is None and now[0] >= expected:
                signed = time.perf_counter() - begun
                signed_after.append(signed)
            if now[1] >= expected:
                witnessed_after.append(time.perf_counter() - begun)
                break
            time.sleep(0.01)
    return sorted(signed_after), sorted(witnessed_after)


def _write_probe(db: Database, subject: str) -> None:
    with db.transaction() as session:
        draft = AuditDraft("probe", "probe", subject, "bench", {}, datetime.now(UTC))
        append_entries(session, [draft])


def _until_witnessed(db: Database, home: Path, entries: int) -> None:
    until = time.monotonic() + _PATIENCE_SECONDS
    while _progress(db, WitnessDirectory(home / "witness"))[1] < entries:
        if time.monotonic() > until:
            raise SystemExit(f"{entries} entries were not witnessed in {_PATIENCE_SECONDS:g} s")
        time.sleep(0.02)


def _processor_seconds(server: int) -> float:
    """Of our child processes and of the server with its own, so far."""
    parents = psutil.Process(server), psutil.Process()
    alive = [parents[0], *(child for parent in parents for child in parent.children(True))]
    times = {process.pid: process.cpu_times() for process in alive}
    ended = parents[1].cpu_times()
    return (
        sum(each.user + each.system for each in times.values())
        + sum(times[pid].children_user + times[pid].children_system for pid in times)
        + ended.children_user
        + ended.children_system
    )


def _verified(db: Database, home: Path, entries: int) -> float:
    """Entries a second of this process' own time; what Postgres does runs on another core."""
    log, own = LogDirectory(home / "log"), WitnessDirectory(home / "witness")
    key, witness = read(log.key), read(own.key)
    assert key is not None
    assert witness is not None
    evidence = Evidence(
        VerifierKey.parse(key),
        VerifierKey.parse(witness),
        read_note(own.cosigned),
        own.seen(entries),
    )
    begun = time.process_time()
    with db.reading() as session:
        report = check(session, evidence)
    seconds = time.process_time() - begun
    if report.faults or report.entries != entries or report.witnessed != entries:
        raise SystemExit(f"the audit that was just written does not verify: {report}")
    return entries / seconds


def _chain_cost() -> float:
    """What the chain's hash costs beside the leaf's, in microseconds an entry."""
    draft = AuditDraft("paper", "decision", "r-1", "gate", PAYLOAD, datetime.now(UTC))
    content, times = content_of(draft), 50_000
    begun = time.process_time()
    for n in range(times):
        chained_hash("f" * 64, n, "paper", content)
    return (time.process_time() - begun) / times * 1e6


def measure(transactions: int, each: int, decisions: int) -> Figures:
    """Every figure, on a new server."""
    with postgres_server() as server, tempfile.TemporaryDirectory() as directory:
        url, home = server.create_database(), Path(directory)
        migrate.upgrade(url)
        db = Database(url, pool_size=1)
        gate = _PROCESSES.Barrier(3)
        writers = [
            _PROCESSES.Process(target=_write, args=(url, chain, gate, transactions, each))
            for chain in ("paper", "global")
        ]
        written = len(writers) * transactions * each
        with kept(url, home):
            for writer in writers:
                writer.start()
            _write_probe(db, "first")
            _until_witnessed(db, home, 1)
            worked = _processor_seconds(server.pid)
            gate.wait(_PATIENCE_SECONDS)
            begun = time.perf_counter()
            gate.wait(_PATIENCE_SECONDS)
            ended = time.perf_counter()
            _until_witnessed(db, home, 1 + written)
            behind = time.perf_counter() - ended
            worked = _processor_seconds(server.pid) - worked
            for writer in writers:
                writer.join()
            signed, witnessed = _delays(db, home, 1 + written, PROBES)
        verified = _verified(db, home, 1 + written + PROBES)
        db.dispose()
        without = _decisions(server.create_database(), decisions, None)
        with_log = _decisions(server.create_database(), decisions, home / "second")
    return Figures(
        written,
        ended - begun,
        written / (ended - begun),
        worked / written * 1e6,
        2 * written / worked,
        behind,
        signed[len(signed) // 2],
        signed[-1],
        witnessed[len(witnessed) // 2],
        witnessed[-1],
        verified,
        _chain_cost(),
        without,
        with_log,
    )


def _decisions(url: str, each: int, home: Path | None) -> float:
    """Whole decisions a second by two processes, with the log beside them or without."""
    migrate.upgrade(url)
    if home is None:
        result = run(url, processes=2, each=each, gate=True, seed=7)
    else:
        with kept(url, home):
            result = run(url, processes=2, each=each, gate=True, seed=7)
    return result.asked / result.seconds


def main() -> int:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--transactions", type=int, default=2_000, help="of each of two writers")
    parser.add_argument("--each", type=int, default=10, help="entries of one transaction")
    parser.add_argument("--decisions", type=int, default=500, help="of each of two processes")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    figures = measure(options.transactions, options.each, options.decisions)
    if options.json:
        print(json.dumps(asdict(figures), indent=2))
        return 0
    for name, value in asdict(figures).items():
        goal = f"  (goal: {GOALS[name]})" if name in GOALS else ""
        print(f"{name.replace('_', ' '):40} {value:,.3f}{goal}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
