"""One line of `mlrisk doctor`."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HealthCheck:
    name: str
    ok: bool
    detail: str
    down: bool = True
    """What is not ok is silent or away; else it is there and in a bad state."""
