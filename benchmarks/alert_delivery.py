"""How long it takes from an alert's cause to the person who is told of it.

`python -m benchmarks.alert_delivery --alerts 100`. Beside a system of its own (the processes of
`mlrisk up`, without strategy), each round records a cause and waits until the alerting process has
told a local webhook of it. An alert that nobody is told of within a minute counts as missed.

The rate of messages is lifted to its bound (`alerting.messages_per_minute`): beyond the default of
ten a minute one message sums up what waits, which is not what is measured here.
"""

import argparse
import json
import queue
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.support.whole_system import WholeSystem, machine, quantiles, whole_system
from bot.clock import SystemClock
from tests.support.processes.people import Webhook

GOAL_SECONDS = 5.0
PATIENCE_SECONDS = 60.0


def told_after(system: WholeSystem, hook: Webhook, number: int) -> float | None:
    """The seconds from the cause's transaction to its message; None when none comes."""
    arrived: queue.SimpleQueue[float] = queue.SimpleQueue()
    hook.before = lambda: arrived.put(time.perf_counter())
    name = f"worker-{number}"
    began = time.perf_counter()
    with system.database.unit_of_work() as uow:
        facts = {"queues": [name], "seconds": 31.0, "again": True}
        uow.audit("paper", "worker_restarted", name, "benchmark", facts, SystemClock().now())
        uow.commit()
    deadline = began + PATIENCE_SECONDS
    while (left := deadline - time.perf_counter()) > 0:
        try:
            at = arrived.get(timeout=left)
        except queue.Empty:
            break
        # A message of another cause may come first.
        if name in json.dumps(hook.got):
            return at - began
    return None


def measure(alerts: int) -> list[float | None]:
    """The seconds of each alert; None for one that nobody was told of."""
    hook = Webhook()
    channels = {"MLRISK_ALERT_CHANNELS": f"hook warning {hook.url}"}
    try:
        with tempfile.TemporaryDirectory(prefix="mlrisk-bench-") as made:
            # The servers' unprivileged user must pass through it when we are root.
            Path(made).chmod(0o711)
            with whole_system(Path(made), alert_channels=channels) as system:
                return [told_after(system, hook, number) for number in range(alerts)]
    finally:
        hook.close()


def main() -> int:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--alerts", type=int, default=100, help="how many (%(default)s)")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON alone")
    arguments = parser.parse_args()
    if not arguments.json:
        print(machine())
    measured = measure(arguments.alerts)
    seconds = [each for each in measured if each is not None]
    found, missed = quantiles(seconds), len(measured) - len(seconds)
    if arguments.json:
        print(json.dumps({"seconds": found, "alerts": len(seconds), "missed": missed}))
        return 0
    told = ", ".join(f"{name} {value:.2f} s" for name, value in found.items())
    print(
        f"{len(seconds)} critical alerts, from cause to webhook: {told} (goal: {GOAL_SECONDS:g} s)"
    )
    if missed:
        print(f"{missed} of {len(measured)} were not told within {PATIENCE_SECONDS:g} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
