"""Questions about life and progress, answered by rows and by the market in Redis.

Each question is one function, and its findings carry the name of the faulty thing. A system may be
dead although its processes run. These questions find such states, which look green from outside.
"""

from collections.abc import Callable, Iterator

from console.runtime.vitals.inputs import (
    forged,
    instruments,
    logins,
    markets,
    refused_symbols,
    signs_of_life,
    streams,
)
from console.runtime.vitals.money import limits, money, unpriced_fees, unvalued_flows
from console.runtime.vitals.patient import Patient, Vital
from console.runtime.vitals.work import (
    children,
    contradicted_states,
    halts,
    orphans,
    protective_stops,
    reconciliation,
    requests,
    tripped,
    unreadable,
)


def check_vitals(patient: Patient) -> list[Vital]:
    """All findings, the problems first."""
    found = [vital for question in QUESTIONS for vital in question(patient)]
    return sorted(found, key=lambda vital: vital.problem is None)


QUESTIONS: tuple[Callable[[Patient], Iterator[Vital]], ...] = (
    signs_of_life,
    streams,
    refused_symbols,
    markets,
    forged,
    logins,
    instruments,
    limits,
    money,
    unvalued_flows,
    unpriced_fees,
    tripped,
    contradicted_states,
    halts,
    reconciliation,
    protective_stops,
    unreadable,
    orphans,
    requests,
    children,
)
