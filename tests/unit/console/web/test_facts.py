"""Facts know what is left of a limit, and how many things differ."""

from decimal import Decimal

from bot.risk.limits import RiskLimits
from console.views.live.moment import Money
from console.web.facts import Fall, Pair, RecordFacts
from console.web.reading import falls_of

D = Decimal


def test_a_fall_has_a_share_and_headroom() -> None:
    fall = Fall("loss today", D(30), D(40))
    assert (fall.share, fall.headroom) == (0.75, D(10))
    assert Fall("loss today", D(50), D(40)).headroom == 0
    assert Fall("loss today", D(0), D(0)).share == 1


def test_falls_are_measured_from_the_days_start_and_the_peak() -> None:
    limits = RiskLimits()
    money = Money(equity=D(990), day_start=D(1000), peak=D(1100))
    falls, unknown = falls_of(money, limits)
    assert unknown is None
    assert [(fall.value, fall.limit) for fall in falls] == [
        (D(10), 1000 * limits.max_daily_loss_share),
        (D(110), 1100 * limits.max_drawdown_share),
    ]
    assert falls_of(Money(), limits) == ((), "the equity was not read yet")


def test_every_difference_counts() -> None:
    pairs = (Pair("A", D(1), D(1), 0), Pair("B", D(1), D(2), 3))
    assert RecordFacts(pairs, 2, 3, 4, None).differences == 10
