"""An order moves the price of a replayed market, by its size and by how it trades."""

from tests.unit.benchmarks.support.contests import D, contest, cost


def test_a_larger_order_moves_the_price_more() -> None:
    small, large = (cost("twap", contest(qty)) for qty in ("3", "90"))
    assert small.cost.bps < large.cost.bps
    assert small.prices.decision == large.prices.decision


def test_makers_move_the_price_as_far_as_they_are_told_to() -> None:
    spared, full = (cost("passive", contest("60"), maker_impact=share) for share in (0.0, 1.0))
    assert spared.cost.bps < full.cost.bps
    assert spared.maker_share is not None and spared.maker_share > D("0.5")
