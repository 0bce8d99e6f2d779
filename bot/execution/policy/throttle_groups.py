"""Finds the parents whose throttle state changes; similar parents are judged together.

Parents of one market, side and throttle state differ in two numbers only: their remainder, and the
time since their last change. Each number is compared with one threshold. If neither the least nor
the greatest number changes anything, no number in between does. Pure.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from bot.execution.policy.throttle import conditions_of, next_throttle
from bot.risk.limits import RiskLimits
from bot.risk.snapshot import MarketView
from config.keys.working import WorkingRules
from models.documents.orders import Throttle, ThrottleKind
from models.enums import TradeSide, TradingState

Scope = tuple[str, str]
"""Strategy and symbol; parents of one scope have the same market and the same trading states."""


@dataclass(frozen=True, slots=True)
class TickConditions:
    """Market, account and trading state at one tick of the throttle; None is unknown."""

    view: MarketView | None
    drawdown_share: Decimal | None
    state: TradingState | None
    """The strictest trading state that applies."""


@dataclass(frozen=True, slots=True)
class ThrottledParent:
    """The parts of a parent that the throttle reads."""

    request_id: str
    strategy: str
    symbol: str
    side: TradeSide
    reduce_only: bool
    remaining_notional: Decimal
    pace: Throttle | None

    @property
    def scope(self) -> Scope:
        """The strategy and the symbol of the parent."""
        return self.strategy, self.symbol


@dataclass(frozen=True, slots=True)
class Measure:
    """The conditions of one tick, by which every parent is judged."""

    around: Mapping[Scope, TickConditions]
    limits: RiskLimits
    rules: WorkingRules

    def changed(self, paced: ThrottledParent, now: datetime) -> Throttle | None:
        """The parent's new throttle state; None while it keeps the present one."""
        around, current = self.around[paced.scope], paced.pace
        conditions = conditions_of(
            around.view,
            side=paced.side,
            remaining_notional=paced.remaining_notional,
            drawdown_share=around.drawdown_share,
            trading_state=around.state,
            limits=self.limits,
            now=now,
        )
        found = next_throttle(
            current, conditions, self.rules, reduce_only=paced.reduce_only, now=now
        )
        if found is current or (current is None and found.kind is ThrottleKind.NORMAL):
            return None
        return found

    def changing(self, group: Sequence[ThrottledParent], now: datetime) -> list[ThrottledParent]:
        """The similar parents whose throttle state changes now."""
        if all(self.changed(corner, now) is None for corner in _corners(group)):
            return []
        return [paced for paced in group if self.changed(paced, now) is not None]


def groups(parents: Iterable[ThrottledParent]) -> list[list[ThrottledParent]]:
    """Similar parents, grouped."""
    found: dict[object, list[ThrottledParent]] = defaultdict(list)
    for paced in parents:
        pace = paced.pace
        does = None if pace is None else (pace.holds, pace.speed, pace.size, pace.kind)
        alike = (paced.strategy, paced.symbol, paced.side, paced.reduce_only, does)
        found[alike].append(paced)
    return list(found.values())


def _corners(group: Sequence[ThrottledParent]) -> list[ThrottledParent]:
    """The parents with the extreme numbers of a group, in each combination."""
    notionals = [paced.remaining_notional for paced in group]
    paces = [paced.pace for paced in group if paced.pace is not None]
    ends: set[Throttle | None] = {None}
    if paces:
        ends = {min(paces, key=lambda p: p.since), max(paces, key=lambda p: p.since)}
    return [
        replace(group[0], remaining_notional=notional, pace=pace)
        for notional in {min(notionals), max(notionals)}
        for pace in ends
    ]
