"""Costs of many trades by algorithm, with confidence intervals, and algorithms compared in pairs.

Single orders are mostly the market's noise (46 bps at an hour), so that two algorithms are compared
on the same windows only: `paired_difference` takes each window's difference first.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from statistics import fmean

from bot.errors import Refused
from bot.tca.analysis import TradeCost
from bot.tca.resampling import Estimate, bootstrap
from bot.tca.shortfall import EXACT, in_bps, share
from models.amounts import ZERO


@dataclass(frozen=True, slots=True)
class AlgorithmSummary:
    """Trades of one algorithm. Means are over trades, `weighted_bps` over their notional."""

    algorithm: str
    trades: int
    notional: Decimal
    """The approved notional at the decisions' prices, in quote currency."""
    cost: Decimal
    weighted_bps: Decimal
    total_bps: Estimate
    delay_bps: Estimate
    trading_bps: Estimate
    opportunity_bps: Estimate
    fees_bps: Estimate
    vwap_bps: Estimate | None
    """None when no trade has a benchmark; `count` is the number that have one."""
    impact_bps: Estimate | None
    expected_impact_bps: Estimate | None
    fill_rate: Decimal | None
    maker_share: Decimal | None


def by_algorithm(costs: Iterable[TradeCost]) -> list[AlgorithmSummary]:
    """One summary per algorithm, by name; trades still under way and void ones are left out.

    The unfilled part of a trade under way is no lost opportunity.
    """
    return [_summary(name, group) for name, group in ended_by_algorithm(costs)]


def ended_by_algorithm(costs: Iterable[TradeCost]) -> list[tuple[str, list[TradeCost]]]:
    """The trades that have ended and are not void, by algorithm in the order of names."""
    groups: dict[str, list[TradeCost]] = defaultdict(list)
    for cost in costs:
        if cost.is_final and not cost.is_void:
            groups[cost.algorithm].append(cost)
    return sorted(groups.items())


def paired_difference(first: Mapping[str, float], second: Mapping[str, float]) -> Estimate:
    """Mean of first minus second over the windows, by key; raises Refused unless they are paired.

    Negative: the first is cheaper; that is shown when the interval leaves out 0.
    """
    if first.keys() != second.keys():
        alone = sorted(first.keys() ^ second.keys())
        raise Refused(f"not paired: {', '.join(alone[:5])} ran with one of the two only")
    return bootstrap([first[key] - second[key] for key in sorted(first)])


def _summary(name: str, group: Sequence[TradeCost]) -> AlgorithmSummary:
    notional, total, filled, rested = ZERO, ZERO, ZERO, ZERO
    for one in group:
        notional = EXACT.add(notional, _base(one))
        total = EXACT.add(total, one.cost.total)
        # Filled by notional too, for the symbols of a group have units of their own.
        done = EXACT.multiply(one.cost.filled, one.prices.decision)
        filled = EXACT.add(filled, done)
        rested = EXACT.add(rested, EXACT.multiply(done, one.maker_share or ZERO))
    return AlgorithmSummary(
        algorithm=name,
        trades=len(group),
        notional=notional,
        cost=total,
        weighted_bps=in_bps(total, notional),
        total_bps=_mean(one.cost.bps for one in group),
        delay_bps=_mean(in_bps(one.cost.delay, _base(one)) for one in group),
        trading_bps=_mean(in_bps(one.cost.trading, _base(one)) for one in group),
        opportunity_bps=_mean(in_bps(one.cost.opportunity, _base(one)) for one in group),
        fees_bps=_mean(in_bps(one.cost.fees, _base(one)) for one in group),
        vwap_bps=_known(one.market.vwap_bps for one in group),
        impact_bps=_known(one.realised_impact_bps for one in group),
        expected_impact_bps=_known(one.expected_impact_bps for one in group),
        fill_rate=share(filled, notional),
        maker_share=share(rested, filled),
    )


def _base(one: TradeCost) -> Decimal:
    return EXACT.multiply(one.qty, one.prices.decision)


def _mean(values: Iterable[Decimal | float]) -> Estimate:
    return bootstrap([float(value) for value in values], fmean)


def _known(values: Iterable[Decimal | float | None]) -> Estimate | None:
    found = [value for value in values if value is not None]
    return _mean(found) if found else None
