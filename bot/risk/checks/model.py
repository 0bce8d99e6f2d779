"""Checks on the model's own statements about its prediction."""

from collections.abc import Collection
from math import fsum

from bot.risk import sizing
from bot.risk.checks.breach import Breach, Case, before
from bot.risk.checks.check import Applies, check
from bot.risk.checks.outcome import at_most, failed, passed, share_at_least, skipped, unknown, young
from bot.risk.decision import CheckResult
from bot.risk.exposure import Exposure, age_seconds
from bot.risk.limits import RiskLimits
from bot.risk.rule import Rule, Sense
from bot.risk.snapshot import RiskSnapshot, TradeIntent
from models.enums import TradeBlockReason as Why

CONFIDENCE = Rule(
    "confidence", Why.INSUFFICIENT_CONFIDENCE, "the model's confidence", Sense.AT_LEAST
)


def _low_score(field: str, limit: str) -> Breach:
    """A score just under its floor; a floor of zero can't be broken."""

    def make(case: Case, limits: RiskLimits) -> Case | None:
        floor: float = getattr(limits, limit)
        return case.predicting(**{field: floor * 0.99}) if floor > 0 else None

    return make


@check(
    CONFIDENCE,
    applies=Applies.MODEL,
    limit="min_confidence",
    breach=_low_score("confidence", "min_confidence"),
)
def confidence(
    intent: TradeIntent, _exposure: Exposure, _snapshot: RiskSnapshot, limits: RiskLimits
) -> CheckResult:
    """The model's confidence, in [0, 1], is high enough."""
    return share_at_least(CONFIDENCE, intent.model.confidence, limits.min_confidence)


UNCERTAINTY = Rule(
    "uncertainty", Why.MODEL_UNCERTAINTY_HIGH, "the model's uncertainty", Sense.AT_MOST
)


@check(
    UNCERTAINTY,
    applies=Applies.MODEL,
    limit="max_uncertainty",
    breach=lambda case, its: case.predicting(uncertainty=its.max_uncertainty + 0.001),
)
def uncertainty(
    intent: TradeIntent, _exposure: Exposure, _snapshot: RiskSnapshot, limits: RiskLimits
) -> CheckResult:
    """The model's uncertainty, in [0, 1], is low enough."""
    return at_most(UNCERTAINTY, intent.model.uncertainty, limits.max_uncertainty)


AGREEMENT = Rule(
    "ensemble_agreement", Why.ENSEMBLE_DISAGREEMENT, "the ensemble's agreement", Sense.AT_LEAST
)


@check(
    AGREEMENT,
    applies=Applies.MODEL,
    limit="min_ensemble_agreement",
    breach=_low_score("ensemble_agreement", "min_ensemble_agreement"),
)
def ensemble_agreement(
    intent: TradeIntent, _exposure: Exposure, _snapshot: RiskSnapshot, limits: RiskLimits
) -> CheckResult:
    """The share of ensemble members that agree, in [0, 1], is high enough."""
    return share_at_least(AGREEMENT, intent.model.ensemble_agreement, limits.min_ensemble_agreement)


STABILITY = Rule(
    "prediction_stability", Why.PREDICTION_UNSTABLE, "the prediction's stability", Sense.AT_LEAST
)


@check(
    STABILITY,
    applies=Applies.MODEL,
    limit="min_prediction_stability",
    breach=_low_score("prediction_stability", "min_prediction_stability"),
)
def prediction_stability(
    intent: TradeIntent, _exposure: Exposure, _snapshot: RiskSnapshot, limits: RiskLimits
) -> CheckResult:
    """The stability of the last predictions, in [0, 1], is high enough."""
    return share_at_least(
        STABILITY, intent.model.prediction_stability, limits.min_prediction_stability
    )


IMPORTANCE = Rule(
    "feature_importance",
    Why.EXPLAINABILITY_FAILED,
    "the share explained by the three strongest features",
    Sense.AT_LEAST,
)


def _weak_features(case: Case, limits: RiskLimits) -> Case | None:
    floor, features = limits.min_feature_importance, max(limits.min_explained_features, 3)
    if floor <= 0:
        return None
    shares = {f"feature-{i}": floor * 0.3 for i in range(features)}
    return case.predicting(feature_importance=shares)


@check(IMPORTANCE, applies=Applies.MODEL, limit="min_feature_importance", breach=_weak_features)
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
    # fsum gives the same digits in any order of the features.
    return share_at_least(IMPORTANCE, min(1.0, fsum(shares)), limits.min_feature_importance)


EXPLAINED = Rule(
    "explainability",
    Why.EXPLAINABILITY_FAILED,
    "the number of features that carry the prediction",
    Sense.AT_LEAST,
)


def _unexplained(case: Case, limits: RiskLimits) -> Case:
    """One feature too few; where one is enough, one that can't be read."""
    few = limits.min_explained_features - 1
    if few > 0:
        return case.predicting(feature_importance={f"feature-{i}": 1.0 for i in range(few)})
    return case.predicting(
        feature_importance={**case.intent.model.feature_importance, "broken": -1.0}
    )


@check(EXPLAINED, applies=Applies.MODEL, limit="min_explained_features", breach=_unexplained)
def explainability(
    intent: TradeIntent, _exposure: Exposure, _snapshot: RiskSnapshot, limits: RiskLimits
) -> CheckResult:
    """An explanation exists and is readable; its content does not count."""
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


AGE = Rule("prediction_age", Why.PREDICTION_STALE, "the prediction's age", Sense.AT_MOST, "s")


@check(
    AGE,
    applies=Applies.MODEL,
    limit="max_prediction_age_seconds",
    breach=lambda case, its: case.predicting(
        predicted_at=before(its.max_prediction_age_seconds + 1)
    ),
)
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


VERSION = Rule("model_version", Why.MODEL_VERSION_REFUSED, "the model version", Sense.IS)


@check(
    VERSION,
    applies=Applies.MODEL,
    breach=lambda case, _: case.predicting(model_version="rolled-back"),
)
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


ENTROPY = Rule(
    "ensemble_entropy",
    Why.MODEL_UNCERTAINTY_HIGH,
    "the members' disagreement (epistemic entropy)",
    Sense.AT_MOST,
    "bit",
)


def _disputing_members(case: Case, limits: RiskLimits) -> Case | None:
    if limits.max_epistemic_entropy_bits >= 1:
        return None
    return case.predicting(member_probabilities=(1.0, 0.0))


@check(
    ENTROPY, applies=Applies.MODEL, limit="max_epistemic_entropy_bits", breach=_disputing_members
)
def ensemble_entropy(
    intent: TradeIntent, _exposure: Exposure, _snapshot: RiskSnapshot, limits: RiskLimits
) -> CheckResult:
    """The disagreement of the members is bounded; noise on which they agree is not counted."""
    members = intent.model.member_probabilities
    if len(members) < 2:
        if limits.require_ensemble_members:
            return unknown(ENTROPY, "fewer than two members' probabilities were given")
        return skipped(ENTROPY, "no members were given and the configuration does not require it")
    disputed = sizing.ensemble_entropy(members).epistemic
    return at_most(ENTROPY, disputed, limits.max_epistemic_entropy_bits)
