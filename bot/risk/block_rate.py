"""How often trades are blocked, by reason and check, and a hint when one blocks nearly all."""

from collections import Counter
from dataclasses import dataclass

HINT_SHARE = 0.8
"""A check that denies this share of all requests is more likely wrong than the requests are."""
HINT_MINIMUM = 20
"""Fewer decisions say nothing about a rate."""


@dataclass(frozen=True, slots=True)
class BlockRates:
    """Counts over a set of decisions."""

    decisions: int
    denied: int
    shrunk: int
    by_reason: tuple[tuple[str, int], ...]
    """Denials by reason, most frequent first; one denial may have several."""
    by_check: tuple[tuple[str, int], ...]
    """Denials by the check that denied."""
    alone: tuple[tuple[str, int], ...]
    """Denials by the check that denied alone."""
    hint: str | None
    """A hint when one check blocks nearly everything."""

    @property
    def rate(self) -> float:
        """Denied share of all decisions."""
        return self.denied / self.decisions if self.decisions else 0.0


def block_rates(
    decisions: int,
    denied: int,
    shrunk: int,
    *,
    by_reason: Counter[str],
    by_check: Counter[str],
    alone: Counter[str],
    missing: Counter[str],
) -> BlockRates:
    """From counted decisions; `missing` counts the checks that had no input."""
    return BlockRates(
        decisions,
        denied,
        shrunk,
        tuple(by_reason.most_common()),
        tuple(by_check.most_common()),
        tuple(alone.most_common()),
        _hint(decisions, by_check, alone, missing),
    )


def _hint(
    total: int, checks: Counter[str], alone: Counter[str], missing: Counter[str]
) -> str | None:
    if total < HINT_MINIMUM or not checks:
        return None
    name, count = checks.most_common(1)[0]
    if count < HINT_SHARE * total:
        return None
    text = f"High block rate: the check {name!r} denied {count} of {total} requests"
    if missing[name] > count / 2:
        return f"{text}, mostly because its input is missing: look at who should deliver it."
    if name == "strategy_stage":
        return f"{text}: `mlrisk strategy list` shows the stages, and a shadow sends nothing."
    lone = f", {alone[name]} of them alone" if alone[name] else ""
    return f"{text}{lone}: look at its limit, or at what the model sends."
