"""One line of `mlrisk doctor`."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """One line of the report: its name, whether it is well, and the details."""

    name: str
    ok: bool
    detail: str
    down: bool = True
    """What is not ok is silent or away; else it is there and in a bad state."""
    warning: bool = False
    """What is ok works, and should be looked at all the same."""
