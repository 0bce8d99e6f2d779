"""MLTradeRisk: a decision told as scores, a level and a recommendation."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation

from bot.risk.decision import CheckResult, Decision
from bot.risk.explain import summary
from bot.risk.manager.results import MLTradeRisk
from bot.risk.snapshot import TradeIntent
from models.enums import CheckStatus, MLRiskLevel, TradeBlockReason, Verdict

_MARKET = ("volatility_regime", "spread", "mark_deviation", "index_deviation", "funding")
_EXECUTION = ("impact", "slippage", "adv_share", "depth")
_PORTFOLIO = (
    "position_size",
    "trade_risk",
    "gross_exposure",
    "net_exposure",
    "leverage",
    "free_margin",
    "correlated_exposure",
    "daily_loss",
    "drawdown",
)
_WEIGHTS = {"model": 0.5, "market": 0.2, "execution": 0.15, "portfolio": 0.15}
"""The weights of the parts. The model weighs most, because its checks are particular to an ML
trade."""

_LEVELS = (
    (0.15, MLRiskLevel.VERY_LOW),
    (0.30, MLRiskLevel.LOW),
    (0.45, MLRiskLevel.MODERATE),
    (0.60, MLRiskLevel.HIGH),
    (0.75, MLRiskLevel.VERY_HIGH),
)


def assess(intent: TradeIntent, decision: Decision) -> MLTradeRisk:
    """Tells a decision as the original interface's assessment: scores in [0, 1] and a level."""
    model = intent.model
    parts = _parts(intent, decision)
    return MLTradeRisk(
        symbol=intent.symbol,
        ml_confidence=model.confidence,
        model_uncertainty=model.uncertainty,
        prediction_stability=model.prediction_stability,
        ensemble_agreement=model.ensemble_agreement,
        feature_importance_score=_importance(intent),
        market_regime_risk=parts["market"],
        execution_risk=parts["execution"],
        portfolio_impact_risk=parts["portfolio"],
        overall_ml_risk=_level(decision, parts),
        risk_score=_score(parts),
        confidence_adjusted_size=_confidence_adjusted(decision),
        recommended_action=_action(decision, stopped=_is_stopped(decision)),
        risk_factors=[
            result.sentence
            for result in decision.checks
            if result.status in (CheckStatus.FAIL, CheckStatus.UNKNOWN)
        ],
        explanation=summary(decision),
        timestamp=decision.decided_at,
    )


def risk_level(intent: TradeIntent, decision: Decision) -> MLRiskLevel:
    """The assessment's level alone, without its texts."""
    return _level(decision, _parts(intent, decision))


def _parts(intent: TradeIntent, decision: Decision) -> dict[str, float]:
    return {
        "model": _model_risk(intent),
        "market": _use(decision, _MARKET),
        "execution": _use(decision, _EXECUTION),
        "portfolio": _use(decision, _PORTFOLIO),
    }


def _score(parts: Mapping[str, float]) -> float:
    return sum(_WEIGHTS[name] * risk for name, risk in parts.items())


def _is_stopped(decision: Decision) -> bool:
    return TradeBlockReason.EMERGENCY_STOP_ACTIVE in decision.reasons


def _importance(intent: TradeIntent) -> float | None:
    """The importance of the three strongest features, or the single score in their place."""
    strongest = sorted(intent.model.feature_importance.values(), reverse=True)[:3]
    return min(1.0, sum(strongest)) if strongest else intent.model.feature_importance_score


def _model_risk(intent: TradeIntent) -> float:
    """The mean of the scores against the prediction; a missing score counts as the worst."""
    model = intent.model
    good = (
        model.confidence,
        model.ensemble_agreement,
        model.prediction_stability,
        _importance(intent),
        None if model.uncertainty is None else 1.0 - model.uncertainty,
    )
    risks = [1.0 if value is None or not 0.0 <= value <= 1.0 else 1.0 - value for value in good]
    return sum(risks) / len(risks)


def _use(decision: Decision, names: tuple[str, ...]) -> float:
    """The used share of the tightest of these limits; 1 when it is unknown."""
    uses = [_limit_use(result) for result in decision.checks if result.name in names]
    return max((use for use in uses if use is not None), default=0.0)


def _limit_use(result: CheckResult) -> float | None:
    if result.status is CheckStatus.SKIPPED:
        return None
    if result.status is CheckStatus.UNKNOWN:
        return 1.0
    value, limit = _number(result.value), _number(result.limit)
    # A stored result has no comparison any more; states have no margin.
    if value is None or limit is None or result.margin is None:
        return None
    if limit <= 0:
        return 1.0 if value > 0 else 0.0
    return float(min(Decimal(1), max(Decimal(0), value / limit)))


def _number(text: str | None) -> Decimal | None:
    """The number of a live result or a stored one; None for words."""
    try:
        number = Decimal("NaN" if text is None else text)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _confidence_adjusted(decision: Decision) -> Decimal:
    """The requested notional scaled by the confidence factor alone."""
    for factor in decision.factors:
        if factor.name == "confidence":
            return decision.requested_notional * factor.value
    return decision.requested_notional


def _action(decision: Decision, *, stopped: bool) -> str:
    if stopped:
        return "emergency_stop"
    return {Verdict.ALLOW: "execute", Verdict.SHRINK: "reduce_size", Verdict.DENY: "reject"}[
        decision.verdict
    ]


def _level(decision: Decision, parts: Mapping[str, float]) -> MLRiskLevel:
    if _is_stopped(decision):
        return MLRiskLevel.EMERGENCY_STOP
    score = _score(parts)
    for bound, level in _LEVELS:
        if score < bound:
            return level
    return MLRiskLevel.EXTREME
