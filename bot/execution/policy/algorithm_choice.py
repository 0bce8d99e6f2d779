"""Chooses the algorithm of an approved trade: the strategy's wish, or else a rule.

The rule reads the trade's size against the book and the day, the urgency of its signal, and the
calm of the market. It chooses only an algorithm that can be planned from known data.
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Context, Decimal
from math import inf

from bot.execution.algorithms.algorithm import Need
from bot.execution.algorithms.table import ALGORITHMS
from bot.execution.policy.measures import near_depth, share_of, spread_bps, volatility_ratio
from bot.risk.decision import Decision
from bot.risk.limits import RiskLimits
from bot.risk.rule import number_text
from bot.risk.snapshot import MarketView, TradeIntent
from config.keys.working import WorkingRules
from models.enums import Algorithm, ExecutionPriority

Choice = tuple[Algorithm, str]
"""The algorithm and a sentence with the numbers behind it, recorded with the plan."""

_HURRIED = (ExecutionPriority.HIGH, ExecutionPriority.URGENT, ExecutionPriority.EMERGENCY)
_FOUR_DIGITS = Context(prec=4)


def choose_algorithm(
    intent: TradeIntent, decision: Decision, market: MarketView, limits: RiskLimits
) -> Choice:
    """Chooses by the wish, the priority, the configured default, then the rule; there is always an
    answer."""
    known = _requested(intent)
    if known is not None:
        return known
    facts = _facts_of(intent, decision, market)
    default = limits.working.default_algorithm
    if default is None:
        return _by_rule(facts, limits)
    missing = facts.missing_for(default)
    if missing is None:
        return default, "the configuration's default"
    algorithm, why = _by_rule(facts, limits)
    return algorithm, f"the configured {default} needs {missing}; {why}"


@dataclass(frozen=True, slots=True)
class _Facts:
    """The measures that the rule reads. None is unknown and never favours an algorithm."""

    depth_share: Decimal | None
    """The trade over the depth that it would take from."""
    day_share: Decimal | None
    """The trade over the volume of 24 hours."""
    confidence: float | None
    volatility_ratio: float | None
    spread_bps: float | None
    has_volume_forecast: bool
    counts_trades: bool
    knows_volatility: bool
    is_exit: bool

    def missing_for(self, algorithm: Algorithm) -> str | None:
        """The missing data without which this algorithm can't be planned; None when nothing is
        missing."""
        missing = (need.value for need in ALGORITHMS[algorithm].needs if not self.knows(need))
        return next(missing, None)

    def knows(self, need: Need) -> bool:
        """Whether the data that an algorithm needs are known for this trade."""
        if need is Need.VOLUME_FORECAST:
            return self.has_volume_forecast
        if need is Need.TRADE_COUNT:
            return self.counts_trades
        costs = self.spread_bps is not None and self.day_share is not None
        return costs and self.knows_volatility

    def is_urgent(self, rules: WorkingRules) -> bool:
        return self.confidence is not None and self.confidence >= rules.urgent_confidence

    def is_calm(self, rules: WorkingRules) -> bool:
        ratio = self.volatility_ratio
        return ratio is not None and ratio <= rules.calm_volatility_ratio


def _facts_of(intent: TradeIntent, decision: Decision, market: MarketView) -> _Facts:
    size, confidence = decision.approved_notional, intent.model.confidence
    return _Facts(
        depth_share=share_of(size, near_depth(market, intent.side)),
        day_share=share_of(size, market.volume_24h),
        confidence=confidence if confidence is not None and 0.0 <= confidence <= 1.0 else None,
        volatility_ratio=volatility_ratio(market),
        spread_bps=spread_bps(market),
        has_volume_forecast=(
            intent.options.volume_model is not None or any(v > 0 for v in intent.volume_curve)
        ),
        counts_trades=market.traded_qty is not None,
        knows_volatility=market.volatility is not None and 0.0 < market.volatility < inf,
        is_exit=decision.reduce_only,
    )


def _requested(intent: TradeIntent) -> Choice | None:
    if intent.algorithm is not None:
        return intent.algorithm, "asked for by the strategy"
    if intent.horizon_seconds is not None or intent.interval_seconds is not None:
        return Algorithm.TWAP, "the strategy gave a horizon or an interval"
    if intent.priority in _HURRIED:
        return Algorithm.IMMEDIATE, f"priority {intent.priority}"
    return None


def _by_rule(facts: _Facts, limits: RiskLimits) -> Choice:
    for rule in _RULES:
        choice = rule(facts, limits)
        if choice is not None and facts.missing_for(choice[0]) is None:
            return choice
    return _spread_out(facts, limits)


def _small_and_patient(facts: _Facts, limits: RiskLimits) -> Choice | None:
    """Chooses to rest for a wide spread while the market is calm. An exit does not rest."""
    rules, spread = limits.working, facts.spread_bps
    if facts.is_exit or spread is None or spread < rules.passive_spread_bps:
        return None
    if facts.is_urgent(rules) or not facts.is_calm(rules):
        return None
    if facts.depth_share is None or facts.depth_share > rules.immediate_depth_share:
        return None
    return Algorithm.PASSIVE, (
        f"a spread of {spread:.2g} bps in a calm market: from {rules.passive_spread_bps:g} bps "
        "resting is worth the wait"
    )


def _small(facts: _Facts, limits: RiskLimits) -> Choice | None:
    share, most = facts.depth_share, limits.working.immediate_depth_share
    if share is None or share > most:
        return None
    return Algorithm.IMMEDIATE, f"{_percent(share)} of the near depth: at most {_percent(most)}"


def _urgent_and_takeable(facts: _Facts, limits: RiskLimits) -> Choice | None:
    """Lets a very confident signal take more depth, inside the gate's bound for one child."""
    share = facts.depth_share
    most = min(limits.working.urgent_depth_share, limits.max_depth_share)
    if share is None or share > most or not facts.is_urgent(limits.working):
        return None
    return Algorithm.IMMEDIATE, (
        f"{_percent(share)} of the near depth: at most {_percent(most)} for a confidence of "
        f"{facts.confidence:.2f} (from {limits.working.urgent_confidence:g})"
    )


def _along_a_forecast(facts: _Facts, _limits: RiskLimits) -> Choice | None:
    if not facts.has_volume_forecast:
        return None
    return Algorithm.VWAP, f"{_of_depth(facts)}, and the strategy gave a forecast of the volume"


def _large_for_the_day(facts: _Facts, limits: RiskLimits) -> Choice | None:
    """Ties a trade that is large for the day to the market's volume, however urgent it is."""
    share, least = facts.day_share, limits.working.pov_adv_share
    if share is None or share < least:
        return None
    return Algorithm.POV, f"{_percent(share)} of a day's volume: from {_percent(least)} with it"


def _impatient(facts: _Facts, limits: RiskLimits) -> Choice | None:
    """Trades most of the quantity first where waiting costs more than the own impact (Almgren &
    Chriss)."""
    rules, ratio = limits.working, facts.volatility_ratio
    if ratio is not None and ratio > rules.calm_volatility_ratio:
        return Algorithm.IMPLEMENTATION_SHORTFALL, (
            f"{_of_depth(facts)}, and volatility is {ratio:.3g} x its baseline: above "
            f"{rules.calm_volatility_ratio:g} waiting is the larger risk"
        )
    if facts.is_urgent(rules):
        return Algorithm.IMPLEMENTATION_SHORTFALL, (
            f"{_of_depth(facts)}, and a confidence of {facts.confidence:.2f} can't wait: "
            f"from {rules.urgent_confidence:g}"
        )
    return None


def _larger_than_the_book(facts: _Facts, limits: RiskLimits) -> Choice | None:
    """Hides a trade that is large for the book. An exit does not wait for one small child at a
    time."""
    share, least = facts.depth_share, limits.working.iceberg_depth_share
    if facts.is_exit or share is None or share < least or not facts.is_calm(limits.working):
        return None
    return Algorithm.ICEBERG, (
        f"{_percent(share)} of the near depth in a calm market: from {_percent(least)} it is hidden"
    )


def _spread_out(facts: _Facts, _limits: RiskLimits) -> Choice:
    return Algorithm.TWAP, f"{_of_depth(facts)}: more than is taken at once"


_RULES: tuple[Callable[[_Facts, RiskLimits], Choice | None], ...] = (
    _small_and_patient,
    _small,
    _urgent_and_takeable,
    _along_a_forecast,
    _large_for_the_day,
    _impatient,
    _larger_than_the_book,
)
"""The rules in order; the first that gives an answer chooses."""


def _of_depth(facts: _Facts) -> str:
    share = facts.depth_share
    return (
        "an unknown share of the near depth"
        if share is None
        else (f"{_percent(share)} of the near depth")
    )


def _percent(share: Decimal) -> str:
    return f"{number_text(_FOUR_DIGITS.multiply(share, Decimal(100)))} %"
