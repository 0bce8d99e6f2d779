"""Questions about what a system hears: its feed, its markets, its instruments, its logins."""

from collections.abc import Iterator
from datetime import timedelta

from sqlalchemy import select

from bot.decision.forged_market import FORGED
from console.runtime.vitals.patient import SHOWN, Patient, Vital
from models.repositories import operators
from models.tables import (
    AuditRow,
    HeartbeatRow,
    InstrumentRow,
)

EXPECTED = ("feed", "reconciliation")
"""Signs of life that every system gives. A queue's canary is judged once there is one."""
STREAMS = ("public", "private")
SILENT_SECONDS = 45.0
"""A bit more than two ping periods: a stream that is silent for so long gives itself up."""
MARKET_SECONDS = 10.0
"""Twice the age that the gate accepts, so that the gate has refused for a while."""
FORGED_LATELY = timedelta(minutes=10)
RULES_AGE = timedelta(hours=3)


def signs_of_life(patient: Patient) -> Iterator[Vital]:
    """Whether each expected process has ever given a sign of life. Without any it counts as
    missing."""
    names = set(patient.session.scalars(select(HeartbeatRow.name)))
    for name in EXPECTED:
        problem = None if name in names else "it never gave a sign of life"
        yield Vital(f"sign of life of {name}", problem, down=True)


def streams(patient: Patient) -> Iterator[Vital]:
    """Whether each stream of the feed is live and was heard lately."""
    beat = patient.session.get(HeartbeatRow, "feed")
    for name in STREAMS:
        problem = None
        if beat is None:
            problem = "no feed"
        elif beat.details.get(name) != "live":
            fault = beat.details.get(f"{name}_last_fault")
            problem = f"{beat.details.get(name, 'unknown')}" + (f": {fault}" if fault else "")
        elif (beat.details.get(f"{name}_silent_seconds") or 0) > SILENT_SECONDS:
            problem = f"silent for {beat.details[f'{name}_silent_seconds']:.0f} s"
        yield Vital(f"{name} stream", problem, down=True)


def refused_symbols(patient: Patient) -> Iterator[Vital]:
    """Each symbol with a market that the exchange refuses to send."""
    beat = patient.session.get(HeartbeatRow, "feed")
    refused = {} if beat is None else beat.details.get("refused") or {}
    for symbol, why in sorted(refused.items()):
        yield Vital(f"symbol {symbol}", f"the exchange refuses its market: {why}")


def markets(patient: Patient) -> Iterator[Vital]:
    """Whether each symbol has a market view, and a young one."""
    for symbol in patient.symbols:
        view = patient.markets.get(symbol)
        problem = None
        if view is None:
            problem = "no market: what adds risk is refused"
        elif (patient.now - view.as_of).total_seconds() > MARKET_SECONDS:
            problem = f"its market is {patient.age(view.as_of)} old"
        yield Vital(f"market of {symbol}", problem, down=True)


def forged(patient: Patient) -> Iterator[Vital]:
    """Market data that our feed did not write. Its writer has the broker's password."""
    keys = patient.session.scalars(
        select(AuditRow.subject)
        .where(
            AuditRow.chain == patient.account,
            AuditRow.kind == FORGED,
            AuditRow.at > patient.now - FORGED_LATELY,
        )
        .distinct()
        .order_by(AuditRow.subject)
    ).all()
    shown = ", ".join(keys[:SHOWN])
    yield Vital("market's seals", f"not written by our feed: {shown}" if keys else None)


def logins(patient: Patient) -> Iterator[Vital]:
    """Operators with a lock after failed logins. The failures may be somebody else's guesses."""
    locked = [
        f"{row.name} is locked until {row.locked_until:%H:%M:%S} UTC after {row.failed_attempts} "
        "failed logins"
        for row in operators.everybody(patient.session)
        if row.disabled_at is None and row.locked_until and row.locked_until > patient.now
    ]
    yield Vital("logins", "; ".join(locked[:SHOWN]) if locked else None)


def instruments(patient: Patient) -> Iterator[Vital]:
    """Whether the exchange trades each configured symbol. Otherwise its configuration has no
    effect."""
    for symbol in patient.symbols:
        row = patient.session.get(InstrumentRow, symbol)
        problem = None
        if row is None:
            problem = "configured, but the exchange does not know it"
        elif row.status != "Trading":
            problem = f"configured, but it is {row.status} at the exchange"
        elif patient.now - row.refreshed_at > RULES_AGE:
            problem = f"its trading rules are {patient.age(row.refreshed_at)} old"
        yield Vital(f"rules of {symbol}", problem)
