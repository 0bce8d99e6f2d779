"""All costs of an execution, each in its own coin."""

from dataclasses import replace

from tests.unit.bot.execution.booking.test_fills import executed
from tests.unit.bot.risk.cases import D


def test_the_fee_comes_first_and_further_costs_follow() -> None:
    one = executed(1, D(1), D(100), D("0.5"))
    assert one.paid == (("USDT", D("0.5")),)
    taxed = replace(one, other_fees=(("MNT", D(9)),))
    assert taxed.paid == (("USDT", D("0.5")), ("MNT", D(9)))
