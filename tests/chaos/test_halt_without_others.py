"""A halt that flattens while what it could use is dead: killed before it, or in the middle of it.

The lease to trade is kept by a real safety process, and no cause of the stop is a timeout. Redis,
feed and beat die together, because a stop needs none of them. Postgres is the system's own.
"""

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import select

from bot.state import halt_journal
from models.enums import TradingState
from models.tables import TradingStateRow
from tests.chaos.test_emergency_stop import held, mlrisk, resume, state
from tests.support.agreement import accepted_links
from tests.support.services import postgres_server
from tests.support.system import ROOT, MiniSystem, mini_system, some_size, trade_request
from tests.support.trading_halts import seal_of
from tests.support.waiting import START_SECONDS

pytestmark = [pytest.mark.services, pytest.mark.long, pytest.mark.xdist_group("halt-without")]


@dataclass(frozen=True, slots=True)
class Victims:
    """What dies, and how it comes back."""

    kill: Callable[[MiniSystem], None]
    revive: Callable[[MiniSystem], None]


def kill_helpers(system: MiniSystem) -> None:
    system.redis.kill()
    for name in ("feed", "beat"):
        system.workers[name].kill()


def revive_helpers(system: MiniSystem) -> None:
    system.redis.start()
    for name in ("feed", "beat"):
        system.workers[name].start()


VICTIMS = {
    "redis, feed and beat": Victims(kill_helpers, revive_helpers),
    "postgres": Victims(lambda s: s.postgres.kill(), lambda s: s.postgres.start()),
}


@pytest.fixture(scope="module")
def system() -> Iterator[MiniSystem]:
    with (
        postgres_server() as postgres,
        mini_system(postgres, keep_exchange=True, safety=True) as running,
    ):
        yield running


def allowed(system: MiniSystem, **changes: Any) -> str:
    """The id of a request that the gate allows. On a busy machine the lease to trade may lapse and
    the market's view be too old for a moment."""

    def ask() -> str | None:
        request = trade_request(**changes)
        verdict = system.outcome(request)["verdict"]
        return str(request["request_id"]) if verdict in ("allow", "shrink") else None

    return str(system.tend(ask, "a request that is allowed"))


def under_way(system: MiniSystem) -> None:
    """A position, and a TWAP whose slices go out."""
    entry = allowed(system)
    system.tend(lambda: system.finished(entry), "the trade")
    assert held(system) > 0
    work = {"algorithm": "twap", "interval_seconds": 1, "horizon_seconds": 60}
    slices = allowed(
        system, symbol="ETHUSDT", signal_data={**work, "position_size": f"{some_size()}0"}
    )
    system.tend(lambda: accepted_links(system, slices), "a slice")


def adding_since(system: MiniSystem, moment: datetime) -> list[str]:
    """What adds risk among the orders that the exchange took after a moment."""
    return [
        str(record["orderLinkId"])
        for record in system.exchange.journal("create")
        if not record["reduceOnly"] and record["t"] / 1000 > moment.timestamp()
    ]


def ends_flat(system: MiniSystem) -> None:
    """The stop ends by itself once everything is back, and nothing has added risk since its
    seal."""
    system.tend(lambda: halt_journal.pending(system.home) is None, "the journal to be recorded")
    system.tend(lambda: state(system) is TradingState.FLAT, "the end of the flattening")
    sealed_at = system.tend(lambda: seal_of(system.db), "the seal")
    assert held(system) == 0
    assert adding_since(system, sealed_at) == []


def goes_on(system: MiniSystem) -> None:
    """A person resumes, and the next entry is allowed under a lease of the safety process."""
    resume(system)
    allowed(system)


@pytest.mark.parametrize("victims", VICTIMS.values(), ids=VICTIMS.keys())
def test_a_halt_ends_flat_although_they_died_before_it(
    system: MiniSystem, victims: Victims
) -> None:
    under_way(system)
    victims.kill(system)
    done = mlrisk(system, "halt", "--cancel", "--flatten", "--reason", "killed before", "--json")
    assert held(system) == 0, done.stdout + done.stderr
    victims.revive(system)
    ends_flat(system)
    goes_on(system)


@pytest.mark.parametrize("victims", VICTIMS.values(), ids=VICTIMS.keys())
def test_a_halt_ends_flat_although_they_die_in_the_middle_of_it(
    system: MiniSystem, victims: Victims
) -> None:
    under_way(system)
    with subprocess.Popen(
        [sys.executable, "-m", "console", "halt", "--flatten", "--reason", "killed meanwhile"],
        env=system.env(),
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as halting:
        system.wait(lambda: is_latched(system), "the state of the halt")
        victims.kill(system)
        halting.wait(START_SECONDS)
    victims.revive(system)
    ends_flat(system)
    goes_on(system)


def is_latched(system: MiniSystem) -> bool:
    with system.session() as session:
        found = session.scalar(
            select(TradingStateRow.state).where(TradingStateRow.scope_kind == "global")
        )
    return found != TradingState.ACTIVE
