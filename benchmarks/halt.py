"""How fast a halt stops a busy system: latched, sealed, clean, and flat or escalated.

`python -m benchmarks.halt`, and `--trips 200` for the whole. Beside a system of its own with live
TWAPs and resting orders, each trip halts at a random moment by the steps of `mlrisk halt --cancel
--flatten`, and resumes. In some trips the exchange is frozen, and then only the seal is awaited. In
others a fifth of all requests fails. At the end the exchange's own journal tells how many orders
that add risk it accepted after a seal. Between trips the benchmark resets what they have tripped,
as a person does, and tells how often. A trip is counted from the order to halt, over a connection
that stands by as the browser console and the REST interface have one. With `--cold` each trip opens
a new connection, as the command does, whose Python's start is not counted.
"""

import argparse
import json
import logging
import math
import os
import random
import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, NoReturn

from benchmarks.support.busy_system import WAIT_SECONDS, BusySystem, Load, busy_system
from benchmarks.support.whole_system import machine, quantiles
from bot.clock import SystemClock
from bot.safety.halting import flat_watch
from bot.safety.halting.halt import TradingHalt
from bot.state.scope import EVERYTHING
from config.settings import Settings, load_settings
from console.runtime.halts.halt_steps import HaltOrder, HaltOutcome, HaltSteps
from console.runtime.halts.standby import HaltStandby
from models.database import Database
from models.repositories.safety import states
from paper_exchange.journal import read_journal
from tests.support.services import postgres_server

ACTOR = "benchmark"
HEALTHY, FROZEN, FAULTY = "healthy", "frozen", "faulty"
MODES = (HEALTHY, FROZEN, HEALTHY, FAULTY)
FAULTS: tuple[tuple[str, dict[str, int]], ...] = (
    ("drop_before", {}),
    ("drop_after", {}),
    ("code_10016_effect", {}),
    ("delay_after", {"ms": 2000}),
    ("rate_limit", {}),
)
FAULT_SHARE = 0.2
"""The share of requests that any of them strikes."""
RESETS = 3


@dataclass(frozen=True, slots=True)
class Trip:
    """One halt; times in milliseconds from its begin, None for a proof that is missing."""

    mode: str
    latched: float
    sealed: float | None
    clean: float | None
    flat: float | None
    escalated: float | None
    """When people were told that positions remain."""
    claimed_after_latch: int
    adding_after_seal: int | None
    """Orders that add risk in the exchange's journal between the seal and the resume."""
    problems: tuple[str, ...]

    @property
    def flat_or_escalated(self) -> float | None:
        """The first of the two."""
        return min((at for at in (self.flat, self.escalated) if at is not None), default=None)


@dataclass(frozen=True, slots=True)
class Goal:
    """A figure and the most that it may be."""

    name: str
    values: Sequence[float | None]
    quantile: str
    most: float

    def facts(self) -> dict[str, Any]:
        """The figures beside the goal; it is reached only if every proof was there."""
        known = [value for value in self.values if value is not None]
        found = quantiles(known)
        proven = len(known) == len(self.values)
        reached = None if not self.values else proven and found[self.quantile] <= self.most
        shown = {name: None if math.isnan(value) else value for name, value in found.items()}
        goal = {"quantile": self.quantile, "most": self.most, "reached": reached}
        return {"name": self.name, **shown, "trips": len(self.values), "proven": len(known), **goal}


class Escalations(logging.Handler):
    """Notes when people are told that a flattening takes too long."""

    def __init__(self) -> None:
        super().__init__()
        self.told_at: list[float] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Every other record is ignored."""
        if getattr(record, "event", "") == "not_flat":
            self.told_at.append(time.perf_counter())


class Trips:
    """Halts one system again and again."""

    def __init__(
        self,
        busy: BusySystem,
        settings: Settings,
        chance: random.Random,
        standby: HaltStandby | None,
    ) -> None:
        self._busy = busy
        self._settings = settings
        self._chance = chance
        self._standby = standby
        self._clock = SystemClock()
        self._paper = busy.system.exchange
        self._read = 0
        """The last record of the exchange's journal that was read."""
        self._escalations = Escalations()
        logging.getLogger(flat_watch.__name__).addHandler(self._escalations)

    def take(self, mode: str, name: str) -> Trip:
        """One trip, from the load to the resume."""
        self._busy.put_under_way()
        time.sleep(self._chance.uniform(0.0, 1.0))
        with self._disturbed(mode):
            time.sleep(self._chance.uniform(0.0, 0.3))
            self._escalations.told_at.clear()
            begun, began_at = time.perf_counter(), datetime.now(UTC)
            flattens = mode != FROZEN
            outcome, latched, latched_at = self._halt(name, begun, flatten=flattens)
        told = [(at - begun) * 1000 for at in self._escalations.told_at]
        self._reset(name, outcome)
        ended_at = datetime.now(UTC)
        self._resume(name)
        self._busy.clear_the_way()
        report, flat = outcome.report, outcome.flat

        def since(at: datetime | None) -> float | None:
            return None if at is None else (at - began_at).total_seconds() * 1000

        return Trip(
            mode,
            latched,
            since(report.sealed_at),
            since(report.clean_at),
            None if flat is None else since(flat.flat_at),
            min(told, default=None),
            self._busy.claimed_since(latched_at),
            self._adding_between(report.sealed_at, ended_at),
            (*report.problems, *(() if flat is None else flat.problems)),
        )

    def _halt(
        self, name: str, begun: float, *, flatten: bool
    ) -> tuple[HaltOutcome, float, datetime]:
        """The outcome, and when it was latched: in milliseconds and by the clock."""
        db = Database(self._settings.require_database_url())
        try:
            order = HaltOrder(EVERYTHING, name, cancel=True, flatten=flatten)
            steps = HaltSteps(self._settings, db, self._clock, order, ACTOR, self._standby)
            latched = steps.set_halted()
            took = (time.perf_counter() - begun) * 1000
            return steps.record(steps.carry_out(latched)), took, latched.at
        finally:
            db.dispose()

    def _reset(self, name: str, outcome: HaltOutcome) -> None:
        """Runs the halt again while nothing proves that no position remains."""
        for _ in range(RESETS):
            if _is_flat(outcome):
                break
            outcome, _, _ = self._halt(f"{name}, again", 0.0, flatten=True)
        if not _is_flat(outcome):
            raise RuntimeError(f"{name} can't be ended: {outcome.facts()}")
        self._busy.wait_until_over()
        self._busy.system.wait(self._is_sealed, "the seal", WAIT_SECONDS)

    def _adding_between(self, since: datetime | None, until: datetime) -> int | None:
        """How many orders that add risk the exchange accepted since the seal; None without one."""
        accepted = list(read_journal(self._paper.journal_path, after=self._read))
        self._read = accepted[-1]["n"] if accepted else self._read
        if since is None:
            return None
        adding = [r for r in accepted if r["kind"] == "create" and not r["reduceOnly"]]
        moments = [float(record["t"]) / 1000 for record in adding]
        return sum(since.timestamp() < moment <= until.timestamp() for moment in moments)

    def _is_sealed(self) -> bool:
        with self._busy.system.session() as session:
            return not states.all_halts_unsealed(session)

    def _resume(self, name: str) -> None:
        TradingHalt(self._busy.system.db, self._clock).resume(
            reason=f"{name} is over", actor=ACTOR, development=True
        )

    @contextmanager
    def _disturbed(self, mode: str) -> Iterator[None]:
        """The exchange of a trip, for the time of the block."""
        pid = self._paper.pid
        try:
            if mode == FROZEN:
                os.kill(pid, signal.SIGSTOP)
            if mode == FAULTY:
                self._switch_faults_on()
            yield
        finally:
            # Ctrl-C may have ended it before.
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        self._paper.clear_faults()

    def _switch_faults_on(self) -> None:
        for name, options in FAULTS:
            # Each has a sequence of its own, so that they don't strike together.
            seed = self._chance.randrange(1_000_000)
            self._paper.fault(name, p=FAULT_SHARE / len(FAULTS), seed=seed, **options)


def _is_flat(outcome: HaltOutcome) -> bool:
    return outcome.flat is not None and outcome.flat.flat_at is not None


def goals(trips: Sequence[Trip], window_ms: int) -> list[Goal]:
    """What is to be reached, and what was."""

    def of(*modes: str) -> list[Trip]:
        return [trip for trip in trips if trip.mode in modes]

    return [
        Goal("latched", [t.latched for t in trips], "p99", 50),
        Goal("sealed, healthy", [t.sealed for t in of(HEALTHY)], "p99", 250),
        Goal("sealed, frozen", [t.sealed for t in of(FROZEN)], "max", window_ms + 500),
        Goal("sealed, faulty", [t.sealed for t in of(FAULTY)], "max", window_ms + 500),
        Goal("clean, healthy", [t.clean for t in of(HEALTHY)], "max", 5_000),
        Goal("flat or escalated", [t.flat_or_escalated for t in of(HEALTHY)], "max", 30_000),
        Goal("the same, faulty", [t.flat_or_escalated for t in of(FAULTY)], "max", 30_000),
        Goal("claimed after latch", [t.claimed_after_latch for t in trips], "max", 0),
        Goal("adding after the seal", [t.adding_after_seal for t in trips], "max", 0),
    ]


@dataclass(frozen=True, slots=True)
class Run:
    """All trips of one system."""

    trips: list[Trip]
    window_ms: int
    """The window for orders that add risk."""
    resets: dict[str, int]
    """How often each breaker was reset between trips, by kind."""


def run(load: Load, modes: Sequence[str], seed: int, *, cold: bool) -> Run:
    """Takes a trip in each mode, in a random order."""
    chance = random.Random(seed)
    trips = []
    with (
        postgres_server() as postgres,
        busy_system(postgres, load, chance) as busy,
        environment(busy.system.env()),
        ExitStack() as alive,
    ):
        settings = load_settings(busy.system.home)
        taking = Trips(
            busy, settings, chance, None if cold else alive.enter_context(standby(settings))
        )
        for number, mode in enumerate(chance.sample(list(modes), len(modes)), 1):
            trip = taking.take(mode, f"trip {number}")
            trips.append(trip)
            print(f"trip {number} of {len(modes)}: {_told(trip)}", file=sys.stderr)
        return Run(trips, busy.exchange.adding_window_ms, dict(busy.resets))


@contextmanager
def standby(settings: Settings) -> Iterator[HaltStandby]:
    """The connection that stands by for halts, once it stands."""
    made = HaltStandby(settings.require_database_url(), SystemClock())
    try:
        while not made.prepare():
            time.sleep(1)
        made.start()
        yield made
    finally:
        made.close()


@contextmanager
def environment(variables: Mapping[str, str]) -> Iterator[None]:
    """The variables of the system for this process, which halts it."""
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _told(trip: Trip) -> str:
    names = ("latched", "sealed", "clean", "flat", "escalated")
    times = [(name, getattr(trip, name)) for name in names]
    shown = [f"{name} {value:,.0f} ms" for name, value in times if value is not None]
    return f"{trip.mode}, {', '.join(shown)}"


def report(facts: Sequence[Mapping[str, Any]], found: Run) -> None:
    """Prints each figure beside its goal."""
    head = "".join(f"{name:>10}" for name in ("p50", "p99", "max"))
    print(f"\n{'milliseconds, or a number':26}{head}{'proven':>12}  goal")
    for row in facts:
        cells = "".join(
            f"{'-' if row[name] is None else format(row[name], ',.1f'):>10}"
            for name in ("p50", "p99", "max")
        )
        reached = {True: "reached", False: "MISSED", None: "no trip"}[row["reached"]]
        proven = f"{row['proven']} of {row['trips']}"
        print(
            f"{row['name']:26}{cells}{proven:>12}  {row['quantile']} <= {row['most']:,}: {reached}"
        )
    flat = sum(trip.flat is not None for trip in found.trips)
    print(f"\n{len(found.trips)} trips, {flat} flat within their time")
    resets = ", ".join(f"{kind} {times}" for kind, times in sorted(found.resets.items()))
    print(f"breakers reset between trips: {resets or 'none'}")


def _end(*_: object) -> NoReturn:
    """Ends this process in good order, so that it leaves nothing behind."""
    sys.exit(128 + signal.SIGTERM)


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--trips", type=int, default=8, help="halts (%(default)s)")
    parser.add_argument("--workers", type=int, default=4, help="that send (%(default)s)")
    parser.add_argument("--twaps", type=int, default=50, help="under way (%(default)s)")
    parser.add_argument("--orders", type=int, default=600, help="that rest (%(default)s)")
    parser.add_argument("--seed", type=int, default=7, help="of the moments (%(default)s)")
    parser.add_argument("--cold", action="store_true", help="no connection stands by")
    parser.add_argument("--json", action="store_true", help="print JSON")
    chosen = parser.parse_args()
    signal.signal(signal.SIGTERM, _end)
    logging.getLogger().addHandler(logging.NullHandler())
    said = machine()
    load = Load(chosen.workers, chosen.twaps, chosen.orders)
    modes = [MODES[n % len(MODES)] for n in range(chosen.trips)]
    try:
        found = run(load, modes, chosen.seed, cold=chosen.cold)
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    facts = [goal.facts() for goal in goals(found.trips, found.window_ms)]
    if chosen.json:
        shown = {"machine": said, "load": asdict(load), "goals": facts, "resets": found.resets}
        print(json.dumps({**shown, "trips": [asdict(trip) for trip in found.trips]}))
        return 0
    print(f"{said}; {load.workers} workers, {load.twaps} TWAPs, {load.orders} resting orders")
    report(facts, found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
