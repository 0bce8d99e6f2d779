"""The part of each limit that approved trades have used, from the numbers in their decisions."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from models.amounts import ZERO
from models.enums import CheckStatus, Verdict

# The recorded texts have twelve digits each, so their difference may miss the margin's last one.
_TOLERANCE = Decimal("1e-9")


_NO_LIMITS = frozenset({"flip"})
"""Checks with the trade's own size as their limit. It is always used up."""


@dataclass(frozen=True, slots=True)
class LimitUse:
    """One upper limit and the value compared with it. `share` is value / limit."""

    name: str
    value: Decimal
    limit: Decimal
    unit: str

    @property
    def share(self) -> float:
        """The used part of the limit; 1 is all of it."""
        return float(self.value / self.limit)


def limit_uses(decision: Mapping[str, Any]) -> Iterable[LimitUse]:
    """The upper limits of an approved decision. Lower bounds (confidence) have no use.

    A shrunk trade asked for more than its caps allowed, so its use counts as the limit at most.
    """
    verdict = decision["verdict"]
    if verdict == Verdict.DENY:
        return
    for check in decision["checks"]:
        if check["name"] in _NO_LIMITS:
            continue
        if check["status"] != CheckStatus.PASS and check.get("cap") is None:
            continue
        value, limit, margin = (_number(check.get(key)) for key in ("value", "limit", "margin"))
        if value is None or limit is None or margin is None or limit <= ZERO or value < ZERO:
            continue
        if abs((limit - value) - margin) > _TOLERANCE * max(_ONE, abs(limit), abs(value)):
            continue
        if verdict == Verdict.SHRINK:
            value = min(value, limit)
        yield LimitUse(str(check["name"]), value, limit, str(check.get("unit") or ""))


def highest(uses: Iterable[LimitUse]) -> dict[str, LimitUse]:
    """The highest use of each limit, by name."""
    found: dict[str, LimitUse] = {}
    for use in uses:
        known = found.get(use.name)
        if known is None or use.share > known.share:
            found[use.name] = use
    return dict(sorted(found.items()))


_ONE = Decimal(1)


def _number(text: object) -> Decimal | None:
    if not isinstance(text, str):
        return None
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None
