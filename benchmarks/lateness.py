"""How late slices are sent, with 100 and with 1,000 schedules under way.

`python -m benchmarks.lateness`. It starts a system of its own (the processes of `mlrisk up`,
without strategy) and asks for TWAPs at such a pace that the slices of all of them together come
evenly, at the same rate for any number of schedules: more schedules, longer intervals. When all of
them are under way, what is planned for the next seconds is measured: from the planned time to the
claim (`sent_at`, just before the POST) and from there to the exchange's acknowledgement. First
attempts only: another attempt is planned for when the one before has ended.
"""

import argparse
import json
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select

from benchmarks.support.whole_system import (
    QUEUE,
    REQUEST,
    SYMBOLS,
    WholeSystem,
    machine,
    quantiles,
    sender,
    whole_system,
)
from models.enums import CheckStatus, Verdict
from models.tables import ChildOrderRow, DecisionRow
from tests.support.system import trade_request

DRAIN_SECONDS = 5.0
"""What was planned in the measured time may still go out: later than this it counts as unsent."""
SLICE_NOTIONAL = 200
"""A lot or more of every symbol, and nothing near a limit."""


@dataclass(frozen=True, slots=True)
class Lateness:
    """Milliseconds of the slices that were planned for the measured seconds."""

    schedules: int
    denied: dict[str, int]
    """Why not all of them are under way: check and how often."""
    slices: int
    unsent: dict[str, int]
    """State and note of what was not sent, and how often."""
    slices_per_second: float
    planned_to_claimed: dict[str, float]
    claimed_to_acknowledged: dict[str, float]


def twap(interval: float, slices: int, chance: random.Random) -> dict[str, Any]:
    """Never the same size twice, either side: positions stay small."""
    notional = SLICE_NOTIONAL * slices * chance.uniform(0.9, 1.1)
    ends = datetime.now(UTC) + timedelta(seconds=interval * slices + 60)
    return trade_request(
        symbol=chance.choice(SYMBOLS),
        side=chance.choice(("buy", "sell")),
        expires_at=ends.isoformat(),
        signal_data={
            "position_size": f"{notional:.2f}",
            "algorithm": "twap",
            "horizon_seconds": interval * slices,
            "interval_seconds": interval,
        },
    )


def start_schedules(
    system: WholeSystem, count: int, rate: float, seconds: float
) -> tuple[list[str], datetime]:
    """Asks for TWAPs in turn until each has its place in the interval; returns when that is."""
    interval = count / rate
    # The first one's last slice must lie behind the measured time, whatever starting takes.
    slices = int((interval + seconds + DRAIN_SECONDS) / interval) + 2
    chance = random.Random(count)
    requests = []
    broker = sender(system.redis_url)
    begin = time.monotonic()
    for number in range(count):
        time.sleep(max(0.0, begin + number / rate - time.monotonic()))
        request = twap(interval, slices, chance)
        broker.send_task(REQUEST, args=[request], queue=QUEUE, ignore_result=True)
        requests.append(request["request_id"])
    broker.close()
    return requests, datetime.now(UTC)


def measure(system: WholeSystem, count: int, rate: float, seconds: float) -> Lateness:
    requests, started = start_schedules(system, count, rate, seconds)
    begin = started + timedelta(seconds=1)
    end = begin + timedelta(seconds=seconds)
    time.sleep((end - datetime.now(UTC)).total_seconds() + DRAIN_SECONDS)
    with system.database.reading() as session:
        children = session.scalars(
            select(ChildOrderRow).where(
                ChildOrderRow.request_id.in_(requests),
                ChildOrderRow.attempt == 0,
                ChildOrderRow.planned_at >= begin,
                ChildOrderRow.planned_at < end,
            )
        ).all()
        denials = session.scalars(
            select(DecisionRow.decision).where(
                DecisionRow.request_id.in_(requests), DecisionRow.verdict == Verdict.DENY
            )
        ).all()
    return Lateness(
        schedules=count,
        denied=dict(Counter(name for denial in denials for name in _failed_checks(denial))),
        slices=len(children),
        unsent=dict(
            Counter(
                f"{child.state} {child.note or ''}".strip()
                for child in children
                if child.sent_at is None
            )
        ),
        slices_per_second=len(children) / seconds,
        planned_to_claimed=_between([(child.planned_at, child.sent_at) for child in children]),
        claimed_to_acknowledged=_between([(child.sent_at, child.acked_at) for child in children]),
    )


def _failed_checks(decision: Mapping[str, Any]) -> list[str]:
    failed = (CheckStatus.FAIL, CheckStatus.UNKNOWN)
    return [check["name"] for check in decision["checks"] if check["status"] in failed]


def _between(moments: Sequence[tuple[datetime | None, datetime | None]]) -> dict[str, float]:
    return quantiles(
        [
            (end - start).total_seconds() * 1000
            for start, end in moments
            if start is not None and end is not None
        ]
    )


def report(results: Sequence[Lateness]) -> None:
    print(f"{'milliseconds':57}{'p50':>9}{'p99':>9}{'max':>9}{'slices':>9}")
    for found in results:
        what = f"{found.schedules} schedules, {found.slices_per_second:.1f} slices/s"
        for step, values in (
            ("planned to claimed", found.planned_to_claimed),
            ("claimed to acknowledged", found.claimed_to_acknowledged),
        ):
            figures = "".join(f"{values[name]:9.1f}" for name in ("p50", "p99", "max"))
            print(f"{what:32}{step:25}{figures}{found.slices:9}")
        for what, counts in (("denied", found.denied), ("not sent", found.unsent)):
            if counts:
                print(f"  {what}: " + ", ".join(f"{why} {n}" for why, n in counts.items()))


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--schedules", type=int, nargs="+", default=[100, 1000], help="live at once (%(default)s)"
    )
    parser.add_argument("--rate", type=float, default=25, help="slices a second (%(default)s)")
    parser.add_argument("--seconds", type=float, default=15, help="time measured (%(default)s)")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON alone")
    arguments = parser.parse_args()
    if not arguments.json:
        print(f"{machine()}; {arguments.rate:g} slices/s for {arguments.seconds:g} s each")
    with tempfile.TemporaryDirectory(prefix="mlrisk-bench-") as made:
        # The servers' unprivileged user must pass through it when we are root.
        Path(made).chmod(0o711)
        with whole_system(Path(made)) as system:
            results = [
                measure(system, count, arguments.rate, arguments.seconds)
                for count in arguments.schedules
            ]
    if arguments.json:
        print(json.dumps([asdict(found) for found in results]))
    else:
        report(results)
    return 0


if __name__ == "__main__":
    sys.exit(main())
