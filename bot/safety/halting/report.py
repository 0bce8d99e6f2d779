"""The report of a halt: its times, its effect, and every step that failed or lacks proof."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from models.enums import TradingState

REPORT = "halt_report"
"""The kind of the audit entry that holds a halt's report. Each halt has one."""
SIGNED_REPORT = "halt_report_signed"
"""The kind of the entry of an operator whose login came after the report was written. It has what
he saw, and the place of the report."""


@dataclass(frozen=True, slots=True)
class HaltReport:
    """The effect of a halt. `sealed_at` is None when a sender could not be waited for."""

    scope: str
    """The halted scope, for example `global:*`."""
    state: TradingState
    already_halted: bool
    latched_at: datetime
    """The time after the state row's commit, or of the call that found it halted."""
    sealed_at: datetime | None
    parents_stopped: int
    children_cancelled: int
    exits_under_way: int
    """Reduce-only parents that go on."""
    unresolved: tuple[str, ...]
    """Children whose order may still be at the exchange, by order_link_id."""
    orders_cancelled: int
    tasks_revoked: int
    problems: tuple[str, ...]
    """Steps that failed or lack proof, each with advice."""
    cancelled_at: datetime | None = None
    """The end of the first round of cancels; None without one."""
    clean_at: datetime | None = None
    """The time since which no working order of the scope was left; None when one may be."""
    orders_gone: int = 0
    """Working orders that had ended before their cancel came; `orders_cancelled` counts the
    others."""


def facts_of(report: HaltReport) -> dict[str, Any]:
    """The report as plain JSON: for the audit entry, and for programs."""
    return {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in asdict(report).items()
    }
