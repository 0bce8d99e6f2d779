"""An algorithm sees the market of its window as a feed would show it."""

from decimal import Decimal

from benchmarks.support.replayed_market import engine_of, lot_rules, mid_at_start, touch_of
from tests.unit.benchmarks.support.contests import field


def test_before_the_first_event_there_is_no_price() -> None:
    window = field().window
    touch = touch_of(engine_of(window), window, traded=3)
    assert (touch.bid, touch.ask) == (0, 0)
    assert touch.traded_volume_since_start == 3 * window.spec.qty_step


def test_the_decision_sees_the_mid_of_a_book_with_two_sides() -> None:
    window = field().window
    engine = engine_of(window)
    for event in window.events[:50]:
        engine.on_market(event)
    touch = touch_of(engine, window, 0)
    assert Decimal(0) < touch.bid < touch.ask
    assert abs(mid_at_start(window) / touch.bid - 1) < Decimal("0.05")


def test_orders_keep_the_instruments_own_steps() -> None:
    window = field().window
    rules = lot_rules(window)
    assert (rules.qty_step, rules.min_qty) == (window.spec.qty_step, window.spec.min_qty)
