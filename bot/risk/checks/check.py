"""A check of the gate: a function with its rule, its limit and its breach beside it."""

from collections.abc import Callable
from enum import Enum
from typing import NamedTuple

from bot.risk.checks.breach import Breach, ExitBreach
from bot.risk.checks.outcome import skipped
from bot.risk.decision import CheckResult
from bot.risk.exposure import Exposure
from bot.risk.limits import RiskLimits
from bot.risk.rule import Rule
from bot.risk.snapshot import RiskSnapshot, TradeIntent

CheckFunction = Callable[[TradeIntent, Exposure, RiskSnapshot, RiskLimits], CheckResult]


class Applies(Enum):
    """The part of a trade that a check judges and may deny."""

    ADDING = "adding"
    """The part that adds risk. The check is never asked about a reduction."""
    MODEL = "model"
    """The part that adds risk, and the part that closes more than the strategy's own share."""
    ALWAYS = "always"
    """The whole trade."""


class Check(NamedTuple):
    """One check of the gate, as `check` declares it."""

    rule: Rule
    ask: CheckFunction
    applies: Applies
    on_size: bool
    """Whether the check is asked after sizing, about the final quantity."""
    limit: str
    """The field of RiskLimits that the breach violates; empty when it violates none."""
    breach: Breach
    exit_breach: ExitBreach | None
    """None when exits are not put to the check."""
    not_asked: CheckResult

    def __call__(
        self, intent: TradeIntent, exposure: Exposure, snapshot: RiskSnapshot, limits: RiskLimits
    ) -> CheckResult:
        """Asks the check."""
        return self.ask(intent, exposure, snapshot, limits)


def check(
    rule: Rule,
    *,
    breach: Breach,
    limit: str = "",
    applies: Applies = Applies.ADDING,
    exit_breach: ExitBreach | None = None,
    on_size: bool = False,
) -> Callable[[CheckFunction], Check]:
    """Declares the decorated function as a check; a line in `registry.CHECKS` puts it in its place.

    The self-test tries `breach` at every start and at every change of limits, and `exit_breach`
    where exits are put to the check. Raises ValueError where a check that always applies has no
    `exit_breach`, or another has one.
    """
    if (applies is Applies.ALWAYS) is (exit_breach is None):
        raise ValueError(f"{rule.name}: a check has an exit_breach if it always applies, only then")

    def declare(function: CheckFunction) -> Check:
        return Check(
            rule,
            function,
            applies,
            on_size,
            limit,
            breach,
            exit_breach,
            skipped(rule, "the trade only reduces"),
        )

    return declare
