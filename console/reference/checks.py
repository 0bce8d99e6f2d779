"""The page of the gate's checks, from their registry."""

from collections import defaultdict

from bot.risk.checks.check import Applies, Check
from bot.risk.checks.registry import CHECKS
from bot.risk.limits import DEFAULT_HARD_CAPS, SIZE_CAPS, config_path_of
from bot.risk.rule import Rule, Sense
from console.reference.markdown import code, head, sentence, table

_APPLIES = {
    Applies.ADDING: "what adds risk",
    Applies.MODEL: "what adds risk, and the part of an exit beyond the strategy's own share",
    Applies.ALWAYS: "every trade, exits as well",
}
_HEAD = (
    f"The gate asks {len(CHECKS)} checks, in this order. A check that fails denies the trade, or "
    "caps its size where the column *Effect* says so. A check without its data is *unknown*, and "
    "that denies what adds risk. `mlrisk explain REQUEST_ID` shows each check of a decision with "
    "its value, its limit and the value that would have passed.",
    "[Add a check](../how-to/add-a-check.md) says how a new one is made, and "
    "[Limits](../limits.md) has the default of each limit.",
)


def text() -> str:
    """The page as it must be."""
    rows = table(
        ("No.", "Check", "Asks that", "Measures", "Limit", "Effect", "Asked of"),
        (_row(number, each) for number, each in enumerate(CHECKS, 1)),
    )
    reasons = table(("Reason", "Checks that give it"), _reasons())
    return "\n".join(
        (
            head("Checks of the gate", *_HEAD),
            rows,
            "## Reasons\n",
            "A denial names its reasons. These are the reasons of checks. Other reasons come from "
            "outside the gate, and their answer says which part gave them.\n",
            reasons,
        )
    )


def _row(number: int, check: Check) -> tuple[str, ...]:
    rule = check.rule
    return (
        str(number),
        code(rule.name),
        sentence((check.ask.__doc__ or "").split("\n\n")[0]),
        _measure(rule),
        _limit(check.limit),
        _effect(rule.name),
        _APPLIES[check.applies],
    )


def _measure(rule: Rule) -> str:
    unit = f" in {rule.unit}" if rule.unit else ""
    return rule.subject + unit + ("" if rule.sense is Sense.IS else f", {rule.sense} the limit")


def _limit(name: str) -> str:
    if not name:
        return ""
    path = config_path_of(name)
    return f"[{code(path)}](../limits.md#{path.split('.')[0]})"


def _effect(name: str) -> str:
    if name not in SIZE_CAPS:
        return "denies"
    return "caps; denies by default" if name in DEFAULT_HARD_CAPS else "caps the size"


def _reasons() -> list[tuple[str, str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for check in CHECKS:
        found[check.rule.reason.value].append(check.rule.name)
    return [(code(reason), ", ".join(map(code, found[reason]))) for reason in sorted(found)]
