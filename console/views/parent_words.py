"""How a parent order reads: who works it, what slows or holds it, and how its backup plan stands.

`order list`, `show` and the screen say it in the same words.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from bot.execution.policy.throttle import Throttle, ThrottleKind
from models.enums import ParentState
from models.tables import ParentOrderRow

PAUSED = "paused by the operator"


def worked_by(algorithm: str, ladder: Mapping[str, Any] | None) -> str:
    """The algorithm that works it now: its own, or the one that a backup plan put in place."""
    return str((ladder or {}).get("algorithm", algorithm))


def algorithm_words(algorithm: str, ladder: Mapping[str, Any] | None) -> str:
    """The approved algorithm and, after a fallback changed it, the present one."""
    now = worked_by(algorithm, ladder)
    return algorithm if now == algorithm else f"{algorithm}, now {now}"


def pace_words(pace: Mapping[str, Any] | None) -> str:
    """What risk does to it with the cause; empty while nothing is in the way."""
    if pace is None:
        return ""
    known = Throttle.from_json(pace)
    return "" if known.kind is ThrottleKind.NORMAL else known.sentence


def ladder_words(ladder: Mapping[str, Any] | None) -> str:
    """The failures in a row that its backup plan has answered, by class; empty before the first."""
    positions: Mapping[str, int] = (ladder or {}).get("positions", {})
    return ", ".join(f"{name} {count}" for name, count in sorted(positions.items()) if count)


def standing_words(
    state: str,
    stop_reason: str | None,
    pace: Mapping[str, Any] | None,
    *,
    set_aside_for: str | None = None,
) -> str:
    """What is in its way, the strongest first; empty when it is just worked."""
    if ParentState(state).is_final:
        return ""
    if stop_reason is not None:
        return f"ending: {stop_reason}"
    if set_aside_for is not None:
        return f"set aside: {set_aside_for}"
    if state == ParentState.PAUSED:
        return PAUSED
    return pace_words(pace)


def set_aside_for(parent: ParentOrderRow) -> str | None:
    """Why its steps go on failing, where it is set aside for that."""
    return None if parent.set_aside_at is None else parent.failure or "its steps fail"


def progress_words(parent: ParentOrderRow | None) -> str:
    """One line about an open parent, what is in its way first; empty where none is open."""
    if parent is None or parent.state.is_final:
        return ""
    share = parent.filled_qty / parent.approved_qty
    work = f"{algorithm_words(parent.algorithm, parent.ladder)}, {share:.0%} filled"
    standing = standing_words(
        parent.state, parent.stop_reason, parent.pace, set_aside_for=set_aside_for(parent)
    )
    return "; ".join(part for part in (standing, work) if part)


def planning_words(params: Mapping[str, Any]) -> str:
    """What the plan could not do as asked: slices that were merged, a rest that was left out."""
    merged, residual = params.get("slots_merged", 0), Decimal(params.get("residual", "0"))
    parts = [
        f"{merged} slices were too small and merged into others" if merged else "",
        f"{residual:f} is no whole lot and was left out" if residual else "",
    ]
    return "; ".join(part for part in parts if part)
