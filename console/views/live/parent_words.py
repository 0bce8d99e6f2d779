"""The words for a parent order: its algorithm, its obstacles and its backup plan.

`order list`, `show` and the screen use the same words.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from models.documents.orders import FallbackProgress, Throttle, ThrottleKind
from models.enums import ParentState
from models.tables import ParentOrderRow

PAUSED = "paused by the operator"


def worked_by(algorithm: str, ladder: FallbackProgress | None) -> str:
    """The present algorithm: the approved one, or the one that a backup plan put in its place."""
    return algorithm if ladder is None or ladder.algorithm is None else ladder.algorithm.value


def algorithm_words(algorithm: str, ladder: FallbackProgress | None) -> str:
    """The approved algorithm and, after a fallback changed it, the present one."""
    now = worked_by(algorithm, ladder)
    return algorithm if now == algorithm else f"{algorithm}, now {now}"


def pace_words(pace: Throttle | None) -> str:
    """The execution throttle's effect with its cause; empty while it leaves the order alone."""
    return "" if pace is None or pace.kind is ThrottleKind.NORMAL else pace.sentence


def ladder_words(ladder: FallbackProgress | None) -> str:
    """The failures in a row that its backup plan has answered, by class; empty before the first."""
    positions = {} if ladder is None else ladder.positions or {}
    return ", ".join(f"{name} {count}" for name, count in sorted(positions.items()) if count)


def standing_words(
    state: str,
    stop_reason: str | None,
    pace: Throttle | None,
    *,
    set_aside_for: str | None = None,
) -> str:
    """The strongest obstacle; empty when the order is simply worked."""
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
    """The failure for which the order is set aside; None while it isn't."""
    return None if parent.set_aside_at is None else parent.failure or "its steps fail"


def progress_words(parent: ParentOrderRow | None) -> str:
    """One line about an open parent, with the obstacle first; empty where none is open."""
    if parent is None or parent.state.is_final:
        return ""
    share = parent.filled_qty / parent.approved_qty
    work = f"{algorithm_words(parent.algorithm, parent.ladder)}, {share:.0%} filled"
    standing = standing_words(
        parent.state, parent.stop_reason, parent.pace, set_aside_for=set_aside_for(parent)
    )
    return "; ".join(part for part in (standing, work) if part)


def planning_words(params: Mapping[str, Any]) -> str:
    """The plan's differences from the request: merged slices, and a rest that was left out."""
    merged, residual = params.get("slots_merged", 0), Decimal(params.get("residual", "0"))
    parts = [
        f"{merged} slices were too small and merged into others" if merged else "",
        f"{residual:f} is no whole lot and was left out" if residual else "",
    ]
    return "; ".join(part for part in parts if part)
