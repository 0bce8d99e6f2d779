"""When the system stops all trading by itself: what the section `emergency_stops` has beside the
limits of losses.

The gate reads none of these keys. `bot/safety/emergency/triggers.py` decides by them.
"""

from dataclasses import dataclass
from typing import ClassVar

from config.declaration import HIGHER, LOWER, limit


@dataclass(frozen=True, slots=True)
class EmergencyRules:
    """What causes the emergency stop besides a single breaker, and who ends a halt."""

    SECTION: ClassVar[str] = "emergency_stops"

    manual_recovery_required: bool = limit(
        True,
        "",
        "A halt ends by an authorised person's login alone, also in development. Other "
        "environments require one in any case.",
        HIGHER,
    )
    losing_streak_halts: bool = limit(
        True,
        "",
        "A losing streak of the account at `max_consecutive_losses` causes the emergency stop. "
        "Where false, it only trips its breaker.",
        HIGHER,
    )
    breakers_at_once: int | None = limit(
        3,
        "kinds of breaker",
        "So many kinds that trip within the window cause the emergency stop. Timed locks don't "
        "count.",
        LOWER,
        low=2,
    )
    breakers_window_minutes: float = limit(
        15.0, "minutes", "The window of `breakers_at_once`.", HIGHER, above=0, high=1440
    )
    failing_models: int | None = limit(
        2,
        "strategies",
        "So many strategies that are stopped for their models at once cause the emergency stop.",
        LOWER,
        low=1,
    )
    exchange_lost_seconds: float | None = limit(
        300.0,
        "seconds",
        "An exchange that says nothing about the account for so long causes the emergency stop.",
        LOWER,
        low=30,
    )
    database_lost_seconds: float | None = limit(
        300.0,
        "seconds",
        "A database that can't be asked for so long causes the emergency stop.",
        LOWER,
        low=30,
    )
    audit_unwritable_seconds: float | None = limit(
        60.0,
        "seconds",
        "An audit that can't be written for so long causes the emergency stop. An audit that was "
        "changed causes it at once.",
        LOWER,
        low=10,
    )
    audit_log_fault_seconds: float | None = limit(
        300.0,
        "seconds",
        "An audit log whose entries wait for their places, or which its witness refuses, for so "
        "long causes the emergency stop. The lease to trade is withheld long before.",
        LOWER,
        low=30,
    )
