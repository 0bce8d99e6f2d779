"""How alerts reach people, and what follows when nobody answers: the section `alerting`.

No check of the gate reads these rules. The alerting process does.
"""

from dataclasses import dataclass
from typing import ClassVar

from config.declaration import HIGHER, LOWER, limit


@dataclass(frozen=True, slots=True)
class AlertingRules:
    """The rules for telling, repeating, escalating and clearing alerts."""

    SECTION: ClassVar[str] = "alerting"

    channel_timeout_seconds: float = limit(
        10.0, "s", "How long a channel may take for one message.", low=1, high=60
    )
    messages_per_minute: int = limit(
        10,
        "messages of one channel",
        "Beyond this rate the rest waits, and one message sums it up.",
        low=2,
        high=600,
    )
    repeat_minutes: float | None = limit(
        15.0,
        "minutes",
        "A critical alert that no operator has acknowledged is repeated so often, and told as an "
        "emergency. Null repeats nothing.",
        LOWER,
        above=0,
    )
    reduce_minutes: float | None = limit(
        None,
        "minutes",
        "A critical alert that no operator has acknowledged for so long moves the account to "
        "REDUCING: exits go on. Null never does.",
        LOWER,
        above=0,
    )
    quiet_minutes: float = limit(
        60.0,
        "minutes",
        "An event that has not happened again for so long is cleared, if it is a warning or "
        "acknowledged.",
        HIGHER,
        low=1,
    )
