"""A trade's fills and children come in the order of their times, whatever their slots."""

from decimal import Decimal

from models.documents.orders import Arrival
from tests.unit.bot.execution.tca.trades import T0, child, part, trade

D = Decimal


def test_fills_and_children_stand_in_the_order_of_their_times() -> None:
    late, early = child(0, part("5", "112"), sent=9), child(1, part("3", "103"), sent=1)
    whole = trade(late, early)
    assert [one.slot for one in whole.sent] == [1, 0]
    assert [fill.qty for fill in whole.parts] == [D(3), D(5)]
    assert late.parts == (part("5", "112"),)


def test_a_child_that_never_went_out_is_not_among_those_that_were_sent() -> None:
    waiting = child(0, sent=None)
    assert trade(waiting).sent == ()
    assert trade(waiting).fills == ()


def test_an_arrival_has_its_mid() -> None:
    assert Arrival(D(99), D(101), T0).mid == D(100)
