"""The lease as claims read it: it stands from its renewal to its end, and at no other time."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.state.lease import NEVER, TradingLease, Watch, of_facts, problem


def lease(age: float | None = 1.0, left: float | None = 5.0, withheld: str = "") -> TradingLease:
    return TradingLease(3, withheld, age, left, 6.0)


@given(st.floats(-100_000, 100_000))
def test_a_lease_stands_from_its_renewal_until_its_end(age: float) -> None:
    """The age is what the database's clock says, so that a jump of the clock is any age."""
    found = lease(age, 6.0 - age)
    assert found.stands is (0 <= age < 6)


@pytest.mark.parametrize("age", [3600.0, -3600.0])
def test_a_clock_that_jumps_an_hour_ends_the_lease(age: float) -> None:
    assert problem(lease(age, 6.0 - age)) is not None


def test_no_row_and_no_renewal_are_no_lease() -> None:
    assert problem(None) == NEVER
    assert problem(lease(None, None)) == NEVER
    assert problem(lease(None, None, "equity: missing")) == "equity: missing"
    assert "equity: missing" in str(problem(lease(9.0, -3.0, "equity: missing")))


def test_an_old_renewal_is_not_young_again_after_a_step_of_the_clock() -> None:
    """The clock of the process goes on: the renewal is 6 s old, whatever Postgres says."""
    seconds = [100.0]
    watch = Watch(lambda: seconds[0])
    assert watch.problem(lease(1.0), "first") is None
    seconds[0] += 5.9
    assert watch.problem(lease(1.0), "first") is None
    seconds[0] += 0.2
    assert watch.problem(lease(1.0), "first") is not None
    assert watch.problem(lease(1.0), "second") is None


def test_facts_of_a_statement_become_a_lease() -> None:
    numbers = [Decimal(3), Decimal("1.5"), Decimal("4.5"), Decimal(6)]
    assert of_facts([""], numbers) == TradingLease(3, "", 1.5, 4.5, 6.0)
    assert of_facts(["why"], [Decimal(0), None, None, None]).stands is False
