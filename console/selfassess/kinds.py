"""The words that catalogue and code share: kinds of live evidence, and names of tests."""

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

_TEST = re.compile(r"tests/(?:\w+/)*test_\w+\.py::(?:Test\w+::)?test_\w+")


class EvidenceKind(StrEnum):
    """What a running system shows; `evidence.py` reads each."""

    ALERTS = "alerts"
    ASSESSED = "last recorded self-assessment"
    AUDIT = "audit log"
    BLOCKS = "blocks of the last day"
    BREAKERS = "breakers"
    CALIBRATION = "last calibration of limits"
    DRILL = "last drill"
    FILLS = "fills"
    HALT = "last halt"
    INVARIANTS = "invariants"
    LEASE = "lease to trade"
    LIMITS = "limits in force"
    OPERATORS = "operators"
    RECONCILIATION = "reconciliation"
    SELF_TEST = "self-test of the gate"
    STRATEGIES = "strategies"
    STRESS = "last stress test"
    WATCHDOG = "watchdog"


@dataclass(frozen=True, slots=True)
class Shown:
    """One piece of evidence."""

    words: str
    holds: bool | None
    """Whether it speaks for the control or against it; None when it does neither."""
    at: datetime | None = None
    """The time of what it tells; None for what was found just now."""

    def to_json(self) -> dict[str, Any]:
        """As `--json` prints it."""
        return {"shows": self.words, "holds": self.holds, "at": self.at}


def known_test(value: str) -> str:
    """The name of a test as pytest has it, without parameters. Raises ValueError."""
    if not _TEST.fullmatch(value):
        raise ValueError(f"{value!r} is no test: tests/…/test_x.py::test_y")
    return value
