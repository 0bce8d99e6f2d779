"""One line of `mlrisk doctor`."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """One line of the report: its name, whether it is well, and the details."""

    name: str
    ok: bool
    detail: str
    down: bool = True
    """True: a check that is not ok means silence or absence. False: the thing is there, in a bad
    state."""
    warning: bool = False
    """True: the thing works if the check is ok, and a person should look at it all the same."""
