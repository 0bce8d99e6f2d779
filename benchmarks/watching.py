"""What watching costs: `validate_and_execute` with everything that watches on, and with it off.

`python -m benchmarks.watching --seconds 20 --rounds 3`. It starts a system of its own (the
processes of `mlrisk up`, without strategy) and keeps some requests under way. In every second
phase the processes that watch stand still (SIGSTOP): exporter, browser console, Flower and the
alerts' sender. In the others they run, Prometheus' part scrapes the exporter every two seconds, and
a page of the console is open. The audit's entries and events of tasks are written in both.

`--requests 10000` goes on until so many requests are stored, and prints the console's memory.

What does not answer in time on a busy machine is asked again, as Prometheus and a browser do, and
is counted. Each figure is printed as soon as it is known.
"""

import argparse
import json
import os
import re
import signal
import statistics
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random

import httpx
import psutil
from sqlalchemy import func, select

from benchmarks.support.decision_cost import small_trade
from benchmarks.support.whole_system import (
    QUEUE,
    REQUEST,
    WholeSystem,
    machine,
    sender,
    whole_system,
)
from benchmarks.throughput import Phase, Results, closed_loop
from bot.clock import SystemClock
from console.runtime import web_link
from models.tables import TradeRequestRow
from workers.supervision.programs.consoles import WEB

WATCHERS = ("exporter", WEB, "flower", "alerting")
SCRAPE_SECONDS = 2.0
_MEGABYTE = 1e6


@dataclass(frozen=True, slots=True)
class Memory:
    """The console's resident memory, in MB, beside the number of stored requests."""

    requests: int
    megabytes: float


def pids_of(system: WholeSystem, names: tuple[str, ...]) -> list[int]:
    """The processes with these names, and their children."""
    found: list[int] = []
    for status in system.supervisor.status():
        if status.name in names and status.pid is not None:
            process = psutil.Process(status.pid)
            found += [process.pid, *(child.pid for child in process.children(recursive=True))]
    return found


@contextmanager
def standing_still(pids: list[int]) -> Iterator[None]:
    """Stops processes for the time of the block."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


@dataclass
class Watchers:
    """How often what watches had no answer, and was begun again."""

    scrapes_failed: int = 0
    pages_lost: int = 0


@contextmanager
def scraping(port: int, watchers: Watchers) -> Iterator[None]:
    """Reads the exporter's metrics as Prometheus does."""
    over = threading.Event()

    def scrape() -> None:
        while not over.wait(SCRAPE_SECONDS):
            try:
                httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=30).raise_for_status()
            except httpx.HTTPError:
                watchers.scrapes_failed += 1

    with _thread(scrape, over.set):
        yield


@contextmanager
def open_page(system: WholeSystem, watchers: Watchers) -> Iterator[None]:
    """A page of the console, with a login of this machine's user and the stream of its events."""
    address = f"http://127.0.0.1:{system.home.known_ports()[WEB]}"
    over = threading.Event()
    with httpx.Client(base_url=address, headers={"origin": address}, timeout=60) as client:
        enter(client, web_link.draw(system.home.secret(web_link.KEY), SystemClock().now()))

        def look() -> None:
            while not over.is_set():
                try:
                    with client.stream("GET", "/events") as events:
                        events.raise_for_status()
                        for _ in events.iter_lines():
                            if over.is_set():
                                return
                except httpx.HTTPError:
                    watchers.pages_lost += 1
                    over.wait(1)

        with _thread(look, over.set):
            yield


def enter(client: httpx.Client, token: str) -> None:
    """Logs in by a one-time link."""
    page = client.get("/enter", params={"token": token}).text
    form = re.search(r'name="csrf" value="([^"]+)"', page)
    if form is None:
        raise RuntimeError("the console shows no form to enter by")
    answer = client.post("/enter", data={"csrf": form[1], "token": token})
    if answer.status_code != httpx.codes.SEE_OTHER:
        raise RuntimeError(f"the console lets nobody in: {answer.status_code}")
    client.get("/").raise_for_status()


@contextmanager
def _thread(work: Callable[[], None], stop: Callable[[], None]) -> Iterator[None]:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop()
        thread.join()


class Loop:
    """A closed loop of trades."""

    def __init__(self, system: WholeSystem, in_flight: int, seconds: float) -> None:
        self._system = system
        self._in_flight = in_flight
        self._seconds = seconds
        self._chance = Random(7)
        self._broker = sender(system.redis_url)
        self._results = Results(system.redis_url)

    def __call__(self, what: str) -> Phase:
        """One phase of the loop."""
        return closed_loop(
            self._system,
            what,
            self._send,
            self._results,
            in_flight=self._in_flight,
            seconds=self._seconds,
        )

    def _send(self) -> str:
        trade = small_trade(self._chance)
        return str(self._broker.send_task(REQUEST, args=[trade], queue=QUEUE).id)

    def close(self) -> None:
        """Ends the connections."""
        self._results.close()
        self._broker.close()


def phases_of(
    system: WholeSystem, loop: Loop, rounds: int, watchers: Watchers
) -> tuple[list[Phase], list[Phase]]:
    """The phases with everything on, and those with it off. The order turns with each round."""
    watched: list[Phase] = []
    unwatched: list[Phase] = []

    def with_watching() -> None:
        port = system.home.known_ports()["exporter"]
        with scraping(port, watchers), open_page(system, watchers):
            watched.append(loop("watched"))

    def without() -> None:
        with standing_still(pids_of(system, WATCHERS)):
            unwatched.append(loop("not watched"))

    for number in range(rounds):
        for phase in (with_watching, without) if number % 2 else (without, with_watching):
            phase()
    return watched, unwatched


def memory(system: WholeSystem) -> Memory:
    """The console's memory now."""
    with system.database.reading() as session:
        requests = session.scalar(select(func.count()).select_from(TradeRequestRow)) or 0
    sizes = (psutil.Process(pid).memory_info().rss for pid in pids_of(system, (WEB,)))
    return Memory(requests, round(sum(sizes) / _MEGABYTE, 1))


def grow(system: WholeSystem, loop: Loop, requests: int, watchers: Watchers) -> Iterator[Memory]:
    """The console's memory while a page is open, until so many requests are stored."""
    found = memory(system)
    yield found
    if found.requests >= requests:
        return
    with open_page(system, watchers):
        while found.requests < requests:
            before = found.requests
            loop("growing")
            found = memory(system)
            yield found
            if found.requests == before:
                raise SystemExit("no request is stored any more: the console's memory is not known")


def report(watched: list[Phase], unwatched: list[Phase]) -> None:
    """Prints the cost beside its goal."""
    on, off = (statistics.median(p.per_second for p in phases) for phases in (watched, unwatched))
    for what, phases in (("watched", watched), ("not watched", unwatched)):
        told = ", ".join(f"{phase.per_second:.1f}" for phase in phases)
        print(f"{what:12} {told} requests a second, {_denied(phases):.1%} of them denied")
    if not off:
        raise SystemExit("no request ended without watching: the machine is too busy to measure")
    print(f"with watching {(1 - on / off):.1%} fewer, by the medians (goal: at most 15 %)")
    used = watched[-1].processor_milliseconds
    told = ", ".join(f"{name} {used[name]:.1f}" for name in WATCHERS if name in used)
    print(f"processor milliseconds of what watches, for one request: {told}", flush=True)


def _denied(phases: list[Phase]) -> float:
    """The share of denials, which are cheaper than approvals."""
    denied = sum(phase.answers.get("deny", 0) for phase in phases)
    return denied / max(1, sum(phase.finished for phase in phases))


def show(size: Memory) -> None:
    """Prints one figure of the console's memory."""
    print(f"console with {size.requests:6} requests: {size.megabytes:6.1f} MB", flush=True)


def main() -> int:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=20, help="of each phase (%(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="with and without (%(default)s)")
    parser.add_argument("--in-flight", type=int, default=8, help="requests at once (%(default)s)")
    parser.add_argument(
        "--requests", type=int, default=0, help="go on until so many are stored (%(default)s)"
    )
    parser.add_argument("--json", action="store_true", help="print the figures as JSON alone")
    arguments = parser.parse_args()
    if not arguments.json:
        print(f"{machine()}; {arguments.in_flight} requests under way")
    with tempfile.TemporaryDirectory(prefix="mlrisk-bench-") as made:
        # The servers' unprivileged user must pass through it when we are root.
        Path(made).chmod(0o711)
        with whole_system(Path(made)) as system:
            loop, watchers = Loop(system, arguments.in_flight, arguments.seconds), Watchers()
            watched, unwatched = phases_of(system, loop, arguments.rounds, watchers)
            if not arguments.json:
                report(watched, unwatched)
            sizes = []
            for size in grow(system, loop, arguments.requests, watchers):
                sizes.append(size)
                if not arguments.json:
                    show(size)
            loop.close()
    if arguments.json:
        print(
            json.dumps(
                {
                    "watched": [asdict(phase) for phase in watched],
                    "not_watched": [asdict(phase) for phase in unwatched],
                    "memory": [asdict(size) for size in sizes],
                    "unanswered": asdict(watchers),
                }
            )
        )
    else:
        print(
            f"without an answer in time: {watchers.scrapes_failed} scrapes and "
            f"{watchers.pages_lost} pages"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
