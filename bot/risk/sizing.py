"""The published formulas behind sizes and limits; plain floats, no state.

Sources: bet size Lopez de Prado 2018 ch. 10; Kelly 1956 and Baker & McHale 2013; impact Almgren et
al. 2005, Toth et al. 2011, Donier & Bonart 2015; ensemble entropy Depeweg 2018; conformal Vovk
2005; adaptive conformal Gibbs & Candes 2021; tails McNeil & Frey 2000; PSI is the industry's.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Context, Decimal
from math import ceil, erf, inf, log, log2, sqrt
from typing import NamedTuple

_FLOOR = Context(prec=34, rounding=ROUND_FLOOR)
_SQRT2 = sqrt(2.0)


def bet_size(probability: float, classes: int = 2) -> float:
    """Size in [0, 1] of a calibrated probability: 2*Phi((p - 1/k) / sqrt(p(1-p))) - 1.

    `classes` is the number k of outcomes (López de Prado 2018, chapter 10). A probability of 1/k or
    less gives 0. Raises ValueError for a probability outside of [0, 1].
    """
    if not 0.0 <= probability <= 1.0:
        raise ValueError(f"probability {probability!r} is not in [0, 1]")
    edge = probability - 1.0 / classes
    if edge <= 0.0:
        return 0.0
    if probability == 1.0:
        return 1.0
    # 2*Phi(z) - 1 is erf(z / sqrt 2).
    return erf(edge / sqrt(probability * (1.0 - probability)) / _SQRT2)


def kelly_fraction(probability: float, odds: float) -> float:
    """Growth-optimal fraction p - (1-p)/b for a win of `odds` per unit lost; never negative.

    The formula is Kelly's (1956). Raises ValueError for a probability outside of [0, 1] and for
    odds of 0 or less.
    """
    if not 0.0 <= probability <= 1.0 or not odds > 0.0:
        raise ValueError(f"no Kelly fraction for p={probability!r}, b={odds!r}")
    return max(0.0, probability - (1.0 - probability) / odds)


def sqrt_impact(quantity: float, volume: float, volatility: float, coefficient: float) -> float:
    """Expected relative impact Y*sigma*sqrt(Q/V); Q and V in one unit, sigma and V per day."""
    return coefficient * volatility * sqrt(quantity / volume)


def size_for_impact(impact: float, volume: float, volatility: float, coefficient: float) -> float:
    """The inversion Q = V*(I/(Y*sigma))^2: the largest quantity within a relative impact."""
    scale = coefficient * volatility
    if impact <= 0.0:
        return 0.0
    return inf if scale == 0.0 else volume * (impact / scale) ** 2


class EnsembleEntropy(NamedTuple):
    """Entropies of an ensemble of binary classifiers, in bits."""

    total: float
    aleatoric: float
    epistemic: float


def _binary_entropy(p: float) -> float:
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"probability {p!r} is not in [0, 1]")
    return 0.0 if p in (0.0, 1.0) else -p * log2(p) - (1.0 - p) * log2(1.0 - p)


def ensemble_entropy(probabilities: Sequence[float]) -> EnsembleEntropy:
    """Entropy of the mean, mean of the entropies, and their difference, the members' dispute.

    `probabilities` has one value in [0, 1] for each member, and at least one member. Raises
    ValueError for a mean or a value outside of [0, 1].
    """
    total = _binary_entropy(sum(probabilities) / len(probabilities))
    aleatoric = sum(map(_binary_entropy, probabilities)) / len(probabilities)
    # Jensen: the difference is never negative but for rounding.
    return EnsembleEntropy(total, aleatoric, max(0.0, total - aleatoric))


def conformal_rank(count: int, alpha: float) -> int | None:
    """Rank of the score that bounds the conformal set; None when the interval is infinite.

    The rank is ceil((count + 1) * (1 - alpha)) among `count` scores in ascending order, from 1 on.
    Raises ValueError for a negative count and for an alpha outside of (0, 1).
    """
    if count < 0 or not 0.0 < alpha < 1.0:
        raise ValueError(f"no conformal rank for n={count!r}, alpha={alpha!r}")
    # Through Decimal: (99+1)*(1-.1) is 90.00000000000001 in binary and would ask for rank 91.
    rank = ceil((count + 1) * (1 - Decimal(repr(alpha))))
    return rank if rank <= count else None


def adaptive_alpha(alpha: float, target: float, step: float, *, missed: bool) -> float:
    """Next alpha of adaptive conformal inference: a miss lowers it, which widens the interval."""
    return alpha + step * (target - (1.0 if missed else 0.0))


@dataclass(frozen=True, slots=True)
class TailRisk:
    """Value at risk and expected shortfall of one series, as positive shares of the value."""

    value_at_risk: float
    expected_shortfall: float


def tail_risk(
    quantile: float, *, shape: float, scale: float, threshold: float, exceedance_share: float
) -> TailRisk:
    """Value at risk and expected shortfall of a generalised Pareto tail (shape < 1).

    `quantile` is a share, for example 0.95. `exceedance_share` is the share of losses above
    `threshold`; `scale`, `threshold` and the results are shares of the value (McNeil and Frey
    2000). Raises ValueError for a tail without finite shortfall and for a quantile below the tail.
    """
    if not shape < 1.0 or not scale > 0.0 or not 0.0 < exceedance_share <= 1.0:
        raise ValueError("the tail has no finite expected shortfall")
    if not 1.0 - exceedance_share <= quantile < 1.0:
        raise ValueError(f"quantile {quantile!r} is not in the tail")
    ratio = (1.0 - quantile) / exceedance_share
    excess = -scale * log(ratio) if shape == 0.0 else scale / shape * (ratio**-shape - 1.0)
    value = threshold + excess
    return TailRisk(value, (value + scale - shape * threshold) / (1.0 - shape))


def population_stability_index(actual: Iterable[float], expected: Iterable[float]) -> float:
    """PSI = sum (a-b)*ln(a/b) of two sets of shares: below .1 is calm, above .25 acts."""
    total = 0.0
    for a, b in zip(actual, expected, strict=True):
        if not (a > 0.0 and b > 0.0):
            return inf
        total += (a - b) * log(a / b)
    return total


def fixed_risk_quantity(
    *,
    equity: Decimal,
    entry: Decimal,
    stop: Decimal,
    risk: Decimal,
    batch: Decimal = Decimal(1),
    hard_limit: Decimal | None = None,
    units: int = 1,
) -> Decimal:
    """Quantity per unit that loses `risk` of equity at the stop, floored to whole batches."""
    distance = abs(entry - stop)
    if not distance or not equity > 0:
        return Decimal(0)
    quantity = _FLOOR.divide(equity * risk, distance)
    if hard_limit is not None:
        quantity = min(quantity, hard_limit)
    return _FLOOR.divide_int(_FLOOR.divide(quantity, Decimal(units)), batch) * batch
