"""Judging parents alike together finds exactly those that change their pace."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from bot.execution.policy.throttle import conditions_of, next_throttle, throttle_rules
from bot.execution.policy.throttle_groups import Measure, ThrottledParent, TickConditions, groups
from bot.risk.limits import RiskLimits
from bot.risk.snapshot import MarketView
from models.documents.orders import Throttle
from models.enums import TradeSide, TradingState
from tests.unit.bot.risk import cases

NOW = datetime(2025, 6, 1, 12, tzinfo=UTC)
LIMITS = RiskLimits()
RULES = throttle_rules(LIMITS)
D = Decimal

# Mostly alike and calm: only then do parents differ within a group.
_SIDES = st.sampled_from([*[TradeSide.BUY] * 5, TradeSide.SELL])
_EXITS = st.sampled_from([*[False] * 5, True])
_NOTIONALS = st.sampled_from([D(n) for n in (0, 1000, 199_999, 200_000, 249_999, 250_000, 10**6)])
_SECONDS = st.sampled_from([0, 4.999, 5, 5.001, 60])


_VIEW = replace(cases.market(), as_of=NOW, bid_depth=D(1_000_000), ask_depth=D(1_000_000))
_CALM = TickConditions(_VIEW, D(0), TradingState.ACTIVE)
_SLOWED = replace(_CALM, view=replace(_VIEW, volatility=0.06))
_SHRUNK = replace(_CALM, view=replace(_VIEW, ask_depth=D(100)))
_OTHERS = [
    *(replace(_CALM, view=replace(_VIEW, volatility=found)) for found in (None, 0.036, 0.04, 0.08)),
    *(replace(_CALM, view=replace(_VIEW, ask_depth=found)) for found in (None, D(4_000_000))),
    replace(_CALM, view=replace(_VIEW, as_of=NOW - timedelta(seconds=100))),
    replace(_CALM, view=None),
    *(replace(_CALM, drawdown_share=found) for found in (None, D("0.045"), D("0.095"))),
    *(replace(_CALM, state=found) for found in (None, *TradingState)),
]
_AROUND = st.sampled_from([*[_CALM] * 20, _SLOWED, _SHRUNK, *_OTHERS])
_EARLIER = st.sampled_from([None, _SLOWED, _SHRUNK])


@st.composite
def parents(draw: st.DrawFn) -> list[ThrottledParent]:
    """Some with the pace that other conditions have given them a while ago."""
    found = []
    for number in range(draw(st.integers(2, 8))):
        paced = ThrottledParent(
            f"r-{number}", "s", "BTCUSDT", draw(_SIDES), draw(_EXITS), draw(_NOTIONALS), None
        )
        before = draw(_EARLIER)
        if before is not None:
            since = NOW - timedelta(seconds=draw(_SECONDS))
            fresh = replace(before, view=replace(_view_of(before), as_of=since))
            paced = replace(paced, pace=_one_by_one(paced, fresh, since))
        found.append(paced)
    return found


def _view_of(there: TickConditions) -> MarketView:
    assert there.view is not None
    return there.view


def _one_by_one(paced: ThrottledParent, there: TickConditions, now: datetime) -> Throttle:
    """What the pure rule says of a single parent."""
    conditions = conditions_of(
        there.view,
        side=paced.side,
        remaining_notional=paced.remaining_notional,
        drawdown_share=there.drawdown_share,
        trading_state=there.state,
        limits=LIMITS,
        now=now,
    )
    return next_throttle(paced.pace, conditions, RULES, reduce_only=paced.reduce_only, now=now)


@given(parents(), _AROUND)
def test_the_same_parents_change_as_when_each_is_judged(
    several: list[ThrottledParent], there: TickConditions
) -> None:
    measure = Measure({("s", "BTCUSDT"): there}, LIMITS, RULES)
    together = {
        paced.request_id: measure.changed(paced, NOW)
        for group in groups(several)
        for paced in measure.changing(group, NOW)
    }
    one_by_one = {}
    for paced in several:
        found = _one_by_one(paced, there, NOW)
        fresh = paced.pace is None and found.kind == "normal"
        if found is not paced.pace and not fresh:
            one_by_one[paced.request_id] = found
    assert together == one_by_one


def test_a_thousand_parents_alike_are_one_group() -> None:
    slowed = _one_by_one(_paced(0), _SLOWED, NOW)
    assert slowed.holds
    alike = [
        replace(_paced(n), pace=replace(slowed, since=NOW - timedelta(seconds=n), value=str(n)))
        for n in range(500)
    ]
    assert len(groups([*alike, *map(_paced, range(500, 1000))])) == 2


def _paced(number: int) -> ThrottledParent:
    return ThrottledParent(f"r-{number}", "s", "BTCUSDT", TradeSide.BUY, False, D(number), None)
