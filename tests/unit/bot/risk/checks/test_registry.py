"""The registry of checks: one line for each, in one order."""

from bot.risk.checks import registry
from bot.risk.checks.check import Applies
from bot.risk.checks.registry import CHECKS


def test_every_declared_check_has_its_line_in_the_registry() -> None:
    assert {each.rule.name for each in registry.declared()} == {each.rule.name for each in CHECKS}


def test_names_are_unique_and_each_check_has_one_row() -> None:
    names = [row.rule.name for row in CHECKS]
    assert len(set(names)) == len(names)
    assert len({row.ask for row in CHECKS}) == len(CHECKS)
    assert len(CHECKS) >= 50


def test_what_protects_a_reduction_itself_always_applies() -> None:
    always = {row.rule.name for row in CHECKS if row.applies is Applies.ALWAYS}
    assert always == {
        "trading_state",
        "flip",
        "expiry",
        "duplicate_request",
        "reduce_only",
        "instrument",
        "tick",
        "min_qty",
    }
