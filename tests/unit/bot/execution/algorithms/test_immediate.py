"""Immediate: the whole quantity at once, within the venue's limits."""

from decimal import Decimal

from bot.execution.algorithms import immediate
from bot.execution.algorithms.base import LotRules

D = Decimal


def rules(
    lot: str, *, min_qty: str | None = None, notional: str = "0", most: str = "1e9"
) -> LotRules:
    return LotRules(D(lot), D(min_qty or lot), D(most), D(notional))


def test_an_immediate_quantity_over_the_venues_maximum_becomes_several_children() -> None:
    schedule = immediate.plan(D(25), D(100), rules("1", most="10"))
    assert [s.qty for s in schedule.slices] == [D(8), D(8), D(9)]
    assert {s.offset_seconds for s in schedule.slices} == {0.0}
