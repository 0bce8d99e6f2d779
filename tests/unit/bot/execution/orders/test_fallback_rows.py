"""The place of a parent in its fallback policy is read from its row, and a fill sets it back."""

from datetime import timedelta
from typing import Any

from bot.execution.orders import fallback_rows as rows
from models.backup import BackupStep, FailureClass
from models.documents.orders import FallbackProgress
from models.enums import Algorithm
from models.tables import ChildOrderRow, ParentOrderRow
from tests.unit.bot.risk.cases import NOW, D


def parent(ladder: FallbackProgress | None = None, **params: Any) -> ParentOrderRow:
    return ParentOrderRow(algorithm=Algorithm.TWAP.value, params=params, ladder=ladder)


def test_a_policy_is_read_as_it_was_stored_and_an_older_parent_has_none() -> None:
    stored = {
        "rungs": {"no_liquidity": ["retry", "reduce_size"]},
        "fallback_algorithm": "passive",
        "cancel_on_risk_increase": True,
    }
    found = rows.policy_of(parent(backup=stored))
    assert found.steps == {
        FailureClass.NO_LIQUIDITY: (BackupStep.RETRY, BackupStep.REDUCE_SIZE),
    }
    assert (found.fallback_algorithm, found.cancel_on_risk_increase) == (Algorithm.PASSIVE, True)
    assert rows.policy_of(parent()).steps == {}


def test_before_any_failure_the_parents_own_algorithm_works_at_its_whole_size() -> None:
    one = parent()
    assert rows.working_algorithm(one) is Algorithm.TWAP
    assert rows.size_factor(one) == 1
    assert rows.bound_bps(one) is None
    assert rows.not_before(one) is None


def test_after_failures_the_row_says_how_it_goes_on() -> None:
    until = NOW + timedelta(seconds=3)
    one = parent(
        FallbackProgress(
            algorithm=Algorithm.PASSIVE, size=D("0.25"), bound_bps=D(75), not_before=until
        )
    )
    assert rows.working_algorithm(one) is Algorithm.PASSIVE
    assert rows.size_factor(one) == D("0.25")
    assert rows.bound_bps(one) == D(75)
    assert rows.not_before(one) == until


def test_a_fill_ends_smaller_sizes_and_wider_bounds_and_keeps_the_algorithm() -> None:
    one = parent(FallbackProgress({}, Algorithm.PASSIVE, size=D("0.25"), bound_bps=D(75)))
    rows.after_fill(one, ChildOrderRow(qty=D(4), filled_qty=D(0)))
    assert rows.size_factor(one) == D("0.25"), "nothing was filled"
    rows.after_fill(one, ChildOrderRow(qty=D(4), filled_qty=D(4)))
    assert rows.size_factor(one) == 1
    assert rows.bound_bps(one) is None
    assert rows.working_algorithm(one) is Algorithm.PASSIVE
