"""The ten invariants of `ARCHITECTURE.md`, checked on rows and on the exchange's own record.

`check_all` gives a result for each; a violation names the row.
"""

from collections.abc import Callable
from dataclasses import dataclass

from console.invariants.audit import i8_history_is_intact
from console.invariants.closed import i9_unknown_means_no
from console.invariants.effects import i10_every_approval_has_an_effect
from console.invariants.evidence import Evidence
from console.invariants.halts import i4_nothing_after_a_seal
from console.invariants.limits import i5_limits_and_reservations_hold
from console.invariants.orders import i1_every_order_was_approved, i2_at_most_one_order_per_child
from console.invariants.progress import i6_work_resumes_and_fills_agree
from console.invariants.quantities import i3_quantities_add_up
from console.invariants.values import i7_numbers_are_exact

TITLES = {
    "I1": "no order without an approving decision",
    "I2": "at most one exchange order per child order",
    "I3": "filled + released + open = approved",
    "I4": "nothing risk-adding after a sealed halt",
    "I5": "limits hold, reservations are neither lost nor doubled",
    "I6": "work resumes, nothing is stuck, every fill is stored",
    "I7": "numbers are exact and finite",
    "I8": "the audit chain verifies, decisions replay",
    "I9": "unknown means no, and never blocks a reduction",
    "I10": "every approval has an effect",
}
_NEEDS_EXCHANGE = frozenset({"I1", "I4"})
"""Invariants that can't be checked at all without the exchange's record."""


@dataclass(frozen=True, slots=True)
class InvariantResult:
    """The result of one invariant. `checked` is False without evidence to check it against; then
    the invariant does not hold."""

    name: str
    title: str
    violations: tuple[str, ...]
    checked: bool

    @property
    def holds(self) -> bool:
        """Whether the invariant was checked and nothing violates it."""
        return self.checked and not self.violations


def check_all(evidence: Evidence) -> list[InvariantResult]:
    """Checks every invariant in order. A broken one does not hide the next."""
    return [
        InvariantResult(
            name,
            TITLES[name],
            tuple(check(evidence)),
            checked=evidence.record is not None or name not in _NEEDS_EXCHANGE,
        )
        for name, check in _checks().items()
    ]


def _checks() -> dict[str, Callable[[Evidence], list[str]]]:
    return {
        "I1": i1_every_order_was_approved,
        "I2": i2_at_most_one_order_per_child,
        "I3": i3_quantities_add_up,
        "I4": i4_nothing_after_a_seal,
        "I5": i5_limits_and_reservations_hold,
        "I6": i6_work_resumes_and_fills_agree,
        "I7": i7_numbers_are_exact,
        "I8": i8_history_is_intact,
        "I9": i9_unknown_means_no,
        "I10": i10_every_approval_has_an_effect,
    }
