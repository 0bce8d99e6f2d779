"""The document of what the sensors of the lease to trade read."""

from dataclasses import dataclass
from enum import StrEnum


class Consequence(StrEnum):
    """What a sensor that is not fresh does to the lease; stored, so never renamed."""

    NOT_RENEWED = "not renewed"
    """The lease lapses within six seconds. A gap of one look changes nothing."""
    TAKEN_BACK = "taken back"
    """The lease ends at once."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A sensor with its reading, its deadline and the result."""

    name: str
    meaning: str
    age_seconds: float | None
    deadline_seconds: float
    consequence: Consequence
    problem: str | None
    """Why it withholds the lease; None while it is fresh."""
