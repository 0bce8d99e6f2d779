"""The worth of a trade that was not made: its costs, its end, and what can't be known."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.gate_value.worth import Missed, Worth, worth
from bot.market.bars import MINUTE, Bar
from bot.risk.sizing import sqrt_impact
from models.enums import NotValued, TradeSide, ValueEnd
from tests.support.properties import examples
from tests.unit.bot.risk import cases

D = Decimal
AT = cases.NOW
FEE = D("0.0005")
OPPOSITE = {TradeSide.BUY: TradeSide.SELL, TradeSide.SELL: TradeSide.BUY}


def bar(minute: int, price: str, low: str | None = None, high: str | None = None) -> Bar:
    p = D(price)
    return Bar(AT + minute * MINUTE, p, D(high or price), D(low or price), p, D(1), p)


def path(*prices: str) -> list[Bar]:
    return [bar(minute, price) for minute, price in enumerate(prices)]


def missed(**changes: Any) -> Missed:
    asked = {"horizon_seconds": 300.0} | changes
    return Missed(
        intent=cases.intent(**asked),
        decided_at=AT,
        deadline_at=AT + timedelta(minutes=10),
        market=cases.market(bid=D(29_990), ask=D(30_010)),
        equity=D(100_000),
        qty=D("0.1"),
        allowed_qty=D(0),
    )


def known(asked: Missed, bars: list[Bar], fee: Decimal = FEE) -> Worth:
    found = worth(asked, bars, cases.LIMITS, fee)
    assert isinstance(found, Worth), found
    return found


FLAT = path(*["30000"] * 5)


def test_a_market_that_stands_still_costs_spread_impact_and_fees() -> None:
    found = known(missed(), FLAT)
    assert found.spread == D(2)  # a tenth of 20
    law = sqrt_impact(3001.0, 5e9, 0.03, cases.LIMITS.impact_coefficient)
    assert float(found.impact) == pytest.approx(2 * 3001.0 * law)
    assert found.fees == FEE * (D(3001) + D(3000))
    assert found.profit == -(found.spread + found.impact + found.fees)
    assert float(found.profit_bps) == pytest.approx(float(found.profit) / 10, abs=1e-5)
    assert (found.ended_by, found.ended_at) == (ValueEnd.HORIZON, AT + timedelta(minutes=5))


@pytest.mark.parametrize(("side", "gain"), [(TradeSide.BUY, 1), (TradeSide.SELL, -1)])
def test_the_side_and_the_price_at_the_horizon_make_the_profit(side: TradeSide, gain: int) -> None:
    still = known(missed(side=side), FLAT).profit
    moved = known(missed(side=side), path("30000", "30000", "30000", "30000", "30500"), D(0))
    same = known(missed(side=side), FLAT, D(0))
    assert moved.profit - same.profit == gain * D(50)
    assert still < 0


def test_only_the_impact_beyond_the_allowed_size_counts() -> None:
    alone = known(missed(), FLAT).impact
    on_top = known(replace(missed(), allowed_qty=D("0.1")), FLAT).impact
    twice = known(replace(missed(), qty=D("0.2")), FLAT).impact
    assert on_top > alone
    assert float(alone + on_top) == pytest.approx(float(twice))


def test_the_stop_ends_it_at_its_price_or_where_the_market_opens_beyond() -> None:
    dipped = [*FLAT[:2], bar(2, "30000", low="29000"), *FLAT[3:]]
    found = known(missed(stop_price=D(29_500)), dipped)
    assert (found.exit_price, found.ended_by) == (D(29_500), ValueEnd.STOP)
    assert found.ended_at == AT + 3 * MINUTE
    fell = known(missed(stop_price=D(29_500)), path("30000", "29000", "29000", "29000", "31000"))
    assert fell.exit_price == D(29_000)
    short = known(
        missed(stop_price=D(30_500), side=TradeSide.SELL),
        [*FLAT[:2], bar(2, "30000", high="30600"), *FLAT[3:]],
    )
    assert (short.exit_price, short.ended_by) == (D(30_500), ValueEnd.STOP)


def test_a_stop_needs_the_whole_path_and_the_horizon_only_its_end() -> None:
    gap = [*FLAT[:2], *FLAT[3:]]
    assert worth(missed(stop_price=D(29_500)), gap, cases.LIMITS, FEE) is NotValued.NO_MINUTES
    assert known(missed(), gap).profit < 0


def test_a_limit_price_away_from_the_market_is_a_trade_only_once_the_market_is_through() -> None:
    asked = missed(limit_price=D(29_800))
    assert worth(asked, FLAT, cases.LIMITS, FEE) is NotValued.LIMIT_NOT_REACHED
    touched = [*FLAT[:2], bar(2, "30000", low="29800"), *FLAT[3:]]
    assert worth(asked, touched, cases.LIMITS, FEE) is NotValued.LIMIT_NOT_REACHED
    through = [*FLAT[:2], bar(2, "30000", low="29799"), *FLAT[3:]]
    found = known(asked, through, D(0))
    assert found.entry_price == D(29_800)
    assert found.spread == D(1)  # of the exit alone
    late = replace(asked, deadline_at=AT + 2 * MINUTE)
    assert worth(late, through, cases.LIMITS, FEE) is NotValued.LIMIT_NOT_REACHED
    at_once = known(missed(limit_price=D(30_010)), FLAT)
    assert at_once.entry_price == D(30_010)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"market": None}, NotValued.NO_MARKET),
        ({"market": cases.market(ask=None)}, NotValued.NO_MARKET),
        ({"market": cases.market(volume_24h=None)}, NotValued.NO_MARKET),
        ({"market": cases.market(volatility=None)}, NotValued.NO_MARKET),
        ({"equity": None}, NotValued.NO_EQUITY),
    ],
)
def test_what_is_not_known_is_named(changes: dict[str, Any], why: NotValued) -> None:
    assert worth(replace(missed(), **changes), FLAT, cases.LIMITS, FEE) is why


def test_without_the_horizons_minute_nothing_is_known() -> None:
    assert worth(missed(), FLAT[:-1], cases.LIMITS, FEE) is NotValued.NO_MINUTES


@given(
    last=st.integers(20_000, 40_000),
    side=st.sampled_from(list(TradeSide)),
    second=st.integers(0, 59),
)
@settings(max_examples=examples(40))
def test_costs_are_never_gains(last: int, side: TradeSide, second: int) -> None:
    """Whatever the market does, the same trade the other way loses what this one gains, and both
    pay."""
    at: datetime = AT + timedelta(seconds=second)
    bars = path(*["30000"] * 5, str(last), str(last))
    one = replace(missed(side=side), decided_at=at)
    other = replace(missed(side=OPPOSITE[side]), decided_at=at)
    both = known(one, bars).profit + known(other, bars).profit
    assert both < 0
