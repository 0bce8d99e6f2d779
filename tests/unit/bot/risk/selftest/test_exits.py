"""The self-test finds a gate that blocks exits, or lets go what it must hold."""

import pytest

from bot.risk import exposure
from bot.risk.checks.check import Applies, Check, check
from bot.risk.checks.registry import CHECKS
from bot.risk.selftest import self_test
from tests.unit.bot.risk.cases import D, limits

# Switched on so that every limit has something to bite on.
LIMITS = limits(max_order_notional=D("50000"), require_model_registry=True)


def asked_of(name: str, applies: Applies) -> list[Check]:
    return [r._replace(applies=applies) if r.rule.name == name else r for r in CHECKS]


def names_of(applies: Applies) -> list[str]:
    return [row.rule.name for row in CHECKS if row.applies is applies]


@pytest.mark.parametrize("name", sorted(set(names_of(Applies.ALWAYS)) - {"flip"}))
def test_a_check_that_does_not_bind_exits_any_more_is_found_out(name: str) -> None:
    """A flip adds, so that it is asked of it either way."""
    problems = self_test(LIMITS, asked_of(name, Applies.ADDING))
    assert f"the check {name!r} does not bind exits: its breach by one was approved" in problems


@pytest.mark.parametrize("name", names_of(Applies.ADDING) + names_of(Applies.MODEL))
def test_a_check_that_would_block_exits_is_found_out(name: str) -> None:
    problems = self_test(LIMITS, asked_of(name, Applies.ALWAYS))
    assert any(f"{name!r}" in problem and "exit" in problem for problem in problems)


@pytest.mark.parametrize("name", names_of(Applies.MODEL))
def test_a_model_check_that_lets_close_what_is_others_is_found_out(name: str) -> None:
    problems = self_test(LIMITS, asked_of(name, Applies.ADDING))
    assert f"the breach of {name!r} closes more than the strategy's own share" in problems


def test_a_gate_that_knows_no_shares_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        exposure, "_own_part", lambda _intent, _share, _sign, reducing: (reducing, None)
    )
    problems = self_test(LIMITS)
    assert "a strategy's own share does not bind its reduce-only exits" in problems
    assert len([p for p in problems if "own share" in p]) == 1 + len(names_of(Applies.MODEL))


def test_every_check_that_binds_exits_has_a_breach_by_one() -> None:
    for each in CHECKS:
        assert (each.exit_breach is not None) is (each.applies is Applies.ALWAYS)
    spread = next(each for each in CHECKS if each.rule.name == "spread")
    with pytest.raises(ValueError, match="spread: a check has an exit_breach if it always applies"):
        check(spread.rule, breach=spread.breach, applies=Applies.ALWAYS)(spread.ask)
