"""How much one strategy may ask for: the section `quotas`."""

from dataclasses import dataclass
from typing import ClassVar

from config.declaration import LOWER, limit


@dataclass(frozen=True, slots=True)
class QuotaRules:
    """The numbers of requests of one strategy. A request beyond them is refused before it is
    decided.

    Requests that only reduce have bounds of their own, far beyond any sane number.
    """

    SECTION: ClassVar[str] = "quotas"

    requests_per_second: int = limit(
        20,
        "requests per second",
        "How many requests that may add risk a strategy makes in one second at most.",
        LOWER,
        low=1,
        at_most="quotas.exits_per_second",
    )
    open_requests: int = limit(
        200,
        "requests",
        "How many of its requests that may add risk are under way at once at most.",
        LOWER,
        low=1,
        at_most="quotas.open_exits",
    )
    exits_per_second: int = limit(
        500,
        "requests per second",
        "How many requests that only reduce a strategy makes in one second at most.",
        LOWER,
        low=1,
    )
    open_exits: int = limit(
        5000,
        "requests",
        "How many of its requests that only reduce are under way at once at most.",
        LOWER,
        low=1,
    )
