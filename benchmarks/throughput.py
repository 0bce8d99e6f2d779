"""Requests a second through `validate_and_execute`, beside empty Celery tasks in the same workers.

`python -m benchmarks.throughput`. It starts a system of its own (the processes of `mlrisk up`,
without strategy) and keeps a fixed number of tasks under way on the validation queue, each for
some seconds: empty ones; decisions alone, with the execution worker at rest; whole trades, where
sending takes its share of the machine. A round trip counts when its result is in hand. At last the
same decision is made in this process, to count its round trips to Postgres and, with `--profile`,
to see where its time goes.
"""

import argparse
import json
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from redis import Redis

from benchmarks.support.decision_cost import Cost, cost_of_one, small_trade
from benchmarks.support.whole_system import (
    PING,
    QUEUE,
    READY_SECONDS,
    REQUEST,
    WholeSystem,
    machine,
    quantiles,
    sender,
    whole_system,
)

EXECUTION = "execution"
WARM_UP_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Phase:
    """What a closed loop of one kind of task made; times from sending to the result in hand."""

    what: str
    finished: int
    per_second: float
    milliseconds: dict[str, float]
    processor_milliseconds: dict[str, float]
    """Of each process for one task, with whatever else it did meanwhile."""
    answers: dict[str, int]
    """Verdicts, and the checks that failed: denials are cheaper than what is to be measured."""


class Results:
    """Every task's result as the workers publish it, in the order in which they end.

    Read from Redis directly: Celery's own client would cost more than the tasks that it waits for.
    """

    def __init__(self, redis_url: str) -> None:
        self._redis = Redis.from_url(redis_url)
        self._channel = self._redis.pubsub()  # type: ignore[no-untyped-call]
        self._channel.psubscribe("celery-task-meta-*")
        # The subscription's own answer: from here on nothing is missed.
        self._channel.get_message(timeout=READY_SECONDS)

    def next(self) -> tuple[str, Any]:
        """The id and the result of the next task that ends. Raises TimeoutError."""
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            message = self._channel.get_message(timeout=1)
            if message is not None and message["type"] == "pmessage":
                found = json.loads(message["data"])
                return found["task_id"], found["result"]
        raise TimeoutError("no task ended")

    def close(self) -> None:
        self._channel.close()
        self._redis.close()


def closed_loop(
    system: WholeSystem,
    what: str,
    send: Callable[[], str],
    results: Results,
    *,
    in_flight: int,
    seconds: float,
) -> Phase:
    """Keeps `in_flight` tasks under way; what ends within the warm-up isn't counted."""
    sent_at: dict[str, float] = {}
    answers: Counter[str] = Counter()
    times: list[float] = []
    begin = time.perf_counter() + WARM_UP_SECONDS
    end = begin + seconds

    def send_one() -> None:
        now = time.perf_counter()
        sent_at[send()] = now

    before = dict[str, float]()
    after = dict[str, float]()
    for _ in range(in_flight):
        send_one()
    while sent_at:
        task, answer = results.next()
        now = time.perf_counter()
        if task not in sent_at:
            continue
        milliseconds = (now - sent_at.pop(task)) * 1000
        if now >= begin and not before:
            before = system.processor_seconds()
        if now >= end and not after:
            after = system.processor_seconds()
        if begin <= now < end:
            times.append(milliseconds)
            answers.update(_kinds(answer))
        if now < end:
            send_one()
    used = {
        name: (total - before[name]) / max(1, len(times)) * 1000
        for name, total in after.items()
        if name in before
    }
    return Phase(what, len(times), len(times) / seconds, quantiles(times), used, dict(answers))


def _kinds(answer: Any) -> list[str]:
    if not isinstance(answer, dict):
        return []
    if "verdict" not in answer:
        return [f"without a verdict: {json.dumps(answer)[:200]}"]
    return [answer["verdict"], *(check["name"] for check in answer["checks_failed"])]


def run_phases(system: WholeSystem, in_flight: int, seconds: float) -> list[Phase]:
    chance = random.Random(7)
    broker = sender(system.redis_url)
    results = Results(system.redis_url)

    def ping() -> str:
        return str(broker.send_task(PING, args=["x"], queue=QUEUE).id)

    def trade() -> str:
        return str(broker.send_task(REQUEST, args=[small_trade(chance)], queue=QUEUE).id)

    def phase(what: str, send: Callable[[], str]) -> Phase:
        return closed_loop(system, what, send, results, in_flight=in_flight, seconds=seconds)

    empty = phase("empty tasks", ping)
    whole = phase("validate_and_execute, and sending meanwhile", trade)
    system.supervisor.stop_process(EXECUTION)
    alone = phase("validate_and_execute alone", trade)
    results.close()
    broker.close()
    return [empty, alone, whole]


def report(phases: list[Phase], cost: Cost) -> None:
    print(f"{'in a closed loop':46}{'per second':>12}{'p50 ms':>9}{'p99 ms':>9}{'of empty':>10}")
    empty = phases[0].per_second
    for phase in phases:
        share = phase.per_second / empty if empty else 0.0
        print(
            f"{phase.what:46}{phase.per_second:12.1f}{phase.milliseconds['p50']:9.1f}"
            f"{phase.milliseconds['p99']:9.1f}{share:10.2f}  "
            + ", ".join(f"{name} {count}" for name, count in sorted(phase.answers.items()))
        )
    print("\nprocessor milliseconds for one task, by process")
    for phase in phases:
        used = sorted(phase.processor_milliseconds.items(), key=lambda item: -item[1])
        print(
            f"{phase.what:46}{sum(phase.processor_milliseconds.values()):8.1f}  "
            + ", ".join(f"{name} {value:.1f}" for name, value in used if value >= 0.05)
        )
    print(
        f"\none decision in one process: {cost.milliseconds:.1f} ms, "
        f"{cost.processor_milliseconds:.1f} ms of them its own processor time; "
        f"{cost.round_trips:.1f} round trips to Postgres, {cost.statements:.1f} statements"
    )


def measure(directory: Path, arguments: argparse.Namespace) -> None:
    with whole_system(directory) as system:
        phases = run_phases(system, arguments.in_flight, arguments.seconds)
        cost = cost_of_one(system.settings, directory, arguments.decisions, arguments.profile)
    if arguments.json:
        print(json.dumps({"phases": [asdict(p) for p in phases], "decision": asdict(cost)}))
    else:
        report(phases, cost)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=15, help="of each loop (%(default)s)")
    parser.add_argument(
        "--in-flight", type=int, default=8, help="tasks under way at once (%(default)s)"
    )
    parser.add_argument(
        "--decisions", type=int, default=200, help="made in this process (%(default)s)"
    )
    parser.add_argument(
        "--profile", type=int, default=0, metavar="LINES", help="print where a decision's time goes"
    )
    parser.add_argument("--json", action="store_true", help="print the figures as JSON alone")
    arguments = parser.parse_args()
    if not arguments.json:
        print(f"{machine()}; {arguments.in_flight} tasks under way, {arguments.seconds:g} s each")
    with tempfile.TemporaryDirectory(prefix="mlrisk-bench-") as made:
        # The servers' unprivileged user must pass through it when we are root.
        Path(made).chmod(0o711)
        measure(Path(made), arguments)
    return 0


if __name__ == "__main__":
    sys.exit(main())
