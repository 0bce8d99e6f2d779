"""How often trades are blocked, by reason and check, and a hint when one blocks nearly all."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from bot.risk.decision import Decision
from bot.risk.explain import blamed
from models.enums import CheckStatus, TradeBlockReason, Verdict

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
    by_reason: tuple[tuple[TradeBlockReason, int], ...]
    """Denials by reason, most frequent first; one denial may have several."""
    by_check: tuple[tuple[str, int], ...]
    """Denials by the check that said no."""
    alone: tuple[tuple[str, int], ...]
    """Denials in which that check was the only one that said no."""
    hint: str | None
    """What to look at when one check blocks nearly everything."""

    @property
    def rate(self) -> float:
        """Denied share of all decisions."""
        return self.denied / self.decisions if self.decisions else 0.0


def block_rates(decisions: Iterable[Decision]) -> BlockRates:
    """Count verdicts, reasons and checks; works on live and on stored decisions alike."""
    total = shrunk = 0
    reasons: Counter[TradeBlockReason] = Counter()
    checks: Counter[str] = Counter()
    alone: Counter[str] = Counter()
    unknown: Counter[str] = Counter()
    denied = 0
    for decision in decisions:
        total += 1
        shrunk += decision.verdict is Verdict.SHRINK
        if decision.verdict is not Verdict.DENY:
            continue
        denied += 1
        reasons.update(decision.reasons)
        bad = blamed(decision)
        checks.update(result.name for result in bad)
        unknown.update(r.name for r in bad if r.status is CheckStatus.UNKNOWN)
        if len(bad) == 1:
            alone[bad[0].name] += 1
    return BlockRates(
        total,
        denied,
        shrunk,
        tuple(reasons.most_common()),
        tuple(checks.most_common()),
        tuple(alone.most_common()),
        _hint(total, checks, alone, unknown),
    )


def _hint(
    total: int, checks: Counter[str], alone: Counter[str], unknown: Counter[str]
) -> str | None:
    if total < HINT_MINIMUM or not checks:
        return None
    name, count = checks.most_common(1)[0]
    if count < HINT_SHARE * total:
        return None
    text = f"High block rate: the check {name!r} denied {count} of {total} requests"
    if unknown[name] > count / 2:
        return f"{text}, mostly because its input is missing: look at who should deliver it."
    lone = f", {alone[name]} of them alone" if alone[name] else ""
    return f"{text}{lone}: look at its limit, or at what the model sends."
