"""The cost of trades by cause: timing, spread, impact, what was not filled, and fees.

Timing is the delay of the shortfall. Its trading part is split where the market of every filled
order is stored: into the half spread that takers paid less what makers earned, and into impact, the
rest of the move. Else it stays whole as `unsplit`. The parts add up to the trade's total, to the
rounding of the stored impact (0.000001 bps).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from bot.tca.analysis import TradeCost
from bot.tca.resampling import Estimate, bootstrap
from bot.tca.shortfall import EXACT, in_bps
from bot.tca.summary import ended_by_algorithm
from models.amounts import ZERO

_BPS = Decimal("0.0001")


@dataclass(frozen=True, slots=True)
class CostSplit:
    """The parts of one trade's cost, in bps of its quantity at the decision's price; positive is a
    cost."""

    timing: Decimal
    spread: Decimal
    impact: Decimal
    unsplit: Decimal
    opportunity: Decimal
    fees: Decimal


@dataclass(frozen=True, slots=True)
class AlgorithmSplit:
    """The means over an algorithm's ended trades, in bps, each with its interval."""

    algorithm: str
    trades: int
    split: int
    """The number of trades whose trading part is split."""
    timing: Estimate
    spread: Estimate
    impact: Estimate
    unsplit: Estimate
    opportunity: Estimate
    fees: Estimate


def split(trade: TradeCost) -> CostSplit:
    """The parts of one trade's cost."""
    cost = trade.cost
    base = EXACT.multiply(trade.qty, trade.prices.decision)
    spread, impact, unsplit = ZERO, ZERO, cost.trading
    if trade.realised_impact_bps is not None:
        # The stored impact relates to what was filled at the first order's price.
        notional = EXACT.multiply(cost.filled, trade.prices.first_order)
        share = EXACT.multiply(trade.realised_impact_bps, _BPS)
        impact, unsplit = EXACT.multiply(share, notional), ZERO
        spread = EXACT.subtract(cost.trading, impact)
    return CostSplit(
        timing=in_bps(cost.delay, base),
        spread=in_bps(spread, base),
        impact=in_bps(impact, base),
        unsplit=in_bps(unsplit, base),
        opportunity=in_bps(cost.opportunity, base),
        fees=in_bps(cost.fees, base),
    )


def split_by_algorithm(costs: Iterable[TradeCost]) -> list[AlgorithmSplit]:
    """One line per algorithm, by name, over the trades that `by_algorithm` counts."""
    return [_means(name, group) for name, group in ended_by_algorithm(costs)]


def _means(name: str, group: Sequence[TradeCost]) -> AlgorithmSplit:
    parts = [split(trade) for trade in group]

    def mean(part: Callable[[CostSplit], Decimal]) -> Estimate:
        return bootstrap([float(part(one)) for one in parts])

    return AlgorithmSplit(
        algorithm=name,
        trades=len(group),
        split=sum(trade.realised_impact_bps is not None for trade in group),
        timing=mean(lambda one: one.timing),
        spread=mean(lambda one: one.spread),
        impact=mean(lambda one: one.impact),
        unsplit=mean(lambda one: one.unsplit),
        opportunity=mean(lambda one: one.opportunity),
        fees=mean(lambda one: one.fees),
    )
