"""A check is declared whole: what always applies has a breach by an exit, and nothing else has."""

from typing import Any

import pytest

from bot.risk.checks.breach import ExitBreach
from bot.risk.checks.check import Applies, check
from bot.risk.checks.outcome import passed
from bot.risk.decision import CheckResult
from bot.risk.exposure import Exposure
from bot.risk.limits import RiskLimits
from bot.risk.rule import Rule, Sense
from bot.risk.snapshot import RiskSnapshot, TradeIntent
from models.enums import CheckStatus, TradeBlockReason

RULE = Rule("odd", TradeBlockReason.DATA_STALE, "the oddity", Sense.AT_MOST)


def ask(
    _intent: TradeIntent, _exposure: Exposure, _snapshot: RiskSnapshot, _limits: RiskLimits
) -> CheckResult:
    return passed(RULE, 1, 2)


@pytest.mark.parametrize(
    ("applies", "breach"),
    [
        (Applies.ALWAYS, None),
        (Applies.ADDING, ExitBreach(lambda case: case)),
        (Applies.MODEL, ExitBreach(lambda case: case)),
    ],
)
def test_a_check_without_its_breach_by_an_exit_can_not_be_declared(
    applies: Applies, breach: ExitBreach | None
) -> None:
    with pytest.raises(ValueError, match="odd"):
        check(RULE, breach=lambda case, _: case, applies=applies, exit_breach=breach)


def test_a_declared_check_asks_its_function_and_says_what_it_is_not_asked_about() -> None:
    made = check(RULE, breach=lambda case, _: case, limit="max_slices")(ask)
    nothing: Any = None
    assert made(nothing, nothing, nothing, nothing).status is CheckStatus.PASS
    assert made.not_asked.status is CheckStatus.SKIPPED
    assert (made.limit, made.applies, made.on_size) == ("max_slices", Applies.ADDING, False)
