"""Checks on the model's own statements about its prediction."""

from collections.abc import Collection
from math import fsum

from bot.risk.checks.outcome import at_most, failed, passed, share_at_least, skipped, unknown, young
from bot.risk.decision import CheckResult
from bot.risk.exposure import Exposure, age_seconds
from bot.risk.limits import RiskLimits
from bot.risk.rule import Rule, Sense
from bot.risk.sizing import ensemble_entropy
from bot.risk.snapshot import RiskSnapshot, TradeIntent
from models.enums import TradeBlockReason as Why

CONFIDENCE = Rule(
    "confidence", Why.INSUFFICIENT_CONFIDENCE, "the model's confidence", Sense.AT_LEAST
)
UNCERTAINTY = Rule(
    "uncertainty", Why.MODEL_UNCERTAINTY_HIGH, "the model's uncertainty", Sense.AT_MOST
)
AGREEMENT = Rule(
    "ensemble_agreement", Why.ENSEMBLE_DISAGREEMENT, "the ensemble's agreement", Sense.AT_LEAST
)
STABILITY = Rule(
    "prediction_stability", Why.PREDICTION_UNSTABLE, "the prediction's stability", Sense.AT_LEAST
)
IMPORTANCE = Rule(
    "feature_importance",
    Why.EXPLAINABILITY_FAILED,
    "the share explained by the three strongest features",
    Sense.AT_LEAST,
)
EXPLAINED = Rule(
    "explainability",
    Why.EXPLAINABILITY_FAILED,
    "the number of features that carry the prediction",
    Sense.AT_LEAST,
)
AGE = Rule("prediction_age", Why.PREDICTION_STALE, "the prediction's age", Sense.AT_MOST, "s")
VERSION = Rule("model_version", Why.MODEL_VERSION_REFUSED, "the model version", Sense.IS)
ENTROPY = Rule(
    "ensemble_entropy",
    Why.MODEL_UNCERTAINTY_HIGH,
    "the members' disagreement (epistemic entropy)",
    Sense.AT_MOST,
    "bit",
)


def confidence(
    intent: TradeIntent, _exposure: Exposure, _snapshot: RiskSnapshot, limits: RiskLimits
) -> CheckResult:
    """The model's confidence, in [0, 1], is high enough."""
    return share_at_least(CONFIDENCE, intent.model.confidence, limits.min_confidence)


def uncertainty(
    intent: TradeIntent, _exposure: Exposure, _snapshot: RiskSnapshot, limits: RiskLimits
) -> CheckResult:
    """The model's uncertainty, in [0, 1], is low enough."""
    return at_most(UNCERTAINTY, intent.model.uncertainty, limits.max_uncertainty)


def ensemble_agreement(
    intent: TradeIntent, _exposure: Exposure, _snapshot: RiskSnapshot, limits: RiskLimits
) -> CheckResult:
    """The share of ensemble members that agree, in [0, 1], is high enough."""
    return share_at_least(AGREEMENT, intent.model.ensemble_agreement, limits.min_ensemble_agreement)


def prediction_stability(
    intent: TradeIntent, _exposure: Exposure, _snapshot: RiskSnapshot, limits: RiskLimits
) -> CheckResult:
    """The stability of the last predictions, in [0, 1], is high enough."""
    return share_at_least(
        STABILITY, intent.model.prediction_stability, limits.min_prediction_stability
    )


def feature_importance(
    intent: TradeIntent, _exposure: Exposure, _snapshot: RiskSnapshot, limits: RiskLimits
) -> CheckResult:
    """The strongest features explain enough of the prediction; diffuse importance explains
    nothing."""
    importance, score = intent.model.feature_importance, intent.model.feature_importance_score
    if not importance and score is not None:
        return share_at_least(IMPORTANCE, score, limits.min_feature_importance)
    if not importance:
        return unknown(IMPORTANCE, "no feature importance was given")
    shares: Collection[float] = importance.values()
    if len(shares) > 3:
        shares = sorted(shares, reverse=True)[:3]
    # fsum gives the same digits in whatever order a store returns the features.
    return share_at_least(IMPORTANCE, min(1.0, fsum(shares)), limits.min_feature_importance)


def explainability(
    intent: TradeIntent, _exposure: Exposure, _snapshot: RiskSnapshot, limits: RiskLimits
) -> CheckResult:
    """An explanation exists and is readable, whatever its content."""
    importance, count = intent.model.feature_importance, 0
    score = intent.model.feature_importance_score
    if not importance and score is not None:
        # A score alone says that something explains the prediction, not how many features do.
        importance = {"feature_importance_score": score}
    for share in importance.values():
        if not 0.0 <= share <= 1.0:
            broken = sorted(name for name, each in importance.items() if not 0.0 <= each <= 1.0)
            return unknown(EXPLAINED, f"the importance of {', '.join(broken)} is not a share")
        if share > 0.0:
            count += 1
    if count >= limits.min_explained_features:
        return passed(EXPLAINED, count, limits.min_explained_features)
    return failed(EXPLAINED, count, limits.min_explained_features)


def prediction_age(
    intent: TradeIntent, _exposure: Exposure, snapshot: RiskSnapshot, limits: RiskLimits
) -> CheckResult:
    """The prediction is young enough, in seconds.

    Without a time it is skipped unless one is required.
    """
    predicted_at, limit = intent.model.predicted_at, limits.max_prediction_age_seconds
    if predicted_at is None and not limits.require_prediction_time:
        return skipped(AGE, "no time was given and the configuration does not require it")
    age = age_seconds(snapshot, predicted_at)
    return young(AGE, age, limit, limits.max_clock_skew_seconds)


def model_version(
    intent: TradeIntent, _exposure: Exposure, snapshot: RiskSnapshot, limits: RiskLimits
) -> CheckResult:
    """The registry lists the model's version as usable.

    Without a version or a registry the check is skipped, unless the configuration requires them.
    """
    version, registry = intent.model.model_version, snapshot.known_model_versions
    if version is None:
        if limits.require_model_version:
            return unknown(VERSION, "the prediction names no model version", limit="usable")
        return skipped(VERSION, "none was given and the configuration does not require it")
    if registry is None:
        if limits.require_model_registry:
            return unknown(VERSION, "the registry of models is not available", limit="usable")
        return skipped(VERSION, "no registry of models is kept")
    usable = registry.get(version)
    if usable is True:
        return passed(VERSION, "usable", "usable")
    return failed(VERSION, "not registered" if usable is None else "rolled back", "usable")


def ensemble_entropy_check(
    intent: TradeIntent, _exposure: Exposure, _snapshot: RiskSnapshot, limits: RiskLimits
) -> CheckResult:
    """The disagreement of the members is bounded; noise on which they agree is not counted."""
    members = intent.model.member_probabilities
    if len(members) < 2:
        if limits.require_ensemble_members:
            return unknown(ENTROPY, "fewer than two members' probabilities were given")
        return skipped(ENTROPY, "no members were given and the configuration does not require it")
    return at_most(ENTROPY, ensemble_entropy(members).epistemic, limits.max_epistemic_entropy_bits)
