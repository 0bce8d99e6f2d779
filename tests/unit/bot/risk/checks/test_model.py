"""What the model says of itself is judged at its limits, and must be there when required."""

from typing import Any

import pytest

from bot.risk.gate import evaluate
from models.enums import CheckStatus, Verdict
from tests.unit.bot.risk import cases
from tests.unit.bot.risk.checks.asking import FAIL, PASS, SKIPPED, UNKNOWN, ago, asked

# name, what is seen, status
PREDICTIONS = [
    ("confidence", {"confidence": 0.6}, PASS),
    ("confidence", {"confidence": 0.5999}, FAIL),
    ("confidence", {"confidence": 1.0001}, UNKNOWN),
    ("confidence", {"confidence": -0.1}, UNKNOWN),
    ("confidence", {"confidence": None}, UNKNOWN),
    ("uncertainty", {"uncertainty": 0.4}, PASS),
    ("uncertainty", {"uncertainty": 0.4001}, FAIL),
    ("uncertainty", {"uncertainty": -0.1}, UNKNOWN),
    ("uncertainty", {"uncertainty": None}, UNKNOWN),
    ("ensemble_agreement", {"ensemble_agreement": 0.7}, PASS),
    ("ensemble_agreement", {"ensemble_agreement": 0.6999}, FAIL),
    ("prediction_stability", {"prediction_stability": 0.6}, PASS),
    ("prediction_stability", {"prediction_stability": 0.5999}, FAIL),
    ("feature_importance", {"feature_importance": {"a": 0.2, "b": 0.1}}, PASS),
    ("feature_importance", {"feature_importance": dict.fromkeys("abcdefgh", 0.0999)}, FAIL),
    ("feature_importance", {"feature_importance": {"a": 1.0, "b": 1.0}}, PASS),
    ("feature_importance", {"feature_importance": {}}, UNKNOWN),
    ("explainability", {"feature_importance": {"a": 0.0}}, FAIL),
    ("explainability", {"feature_importance": {"a": 0.0, "b": 0.1}}, PASS),
    ("explainability", {"feature_importance": {"a": 1.0, "b": 1.1}}, UNKNOWN),
    ("prediction_age", {"predicted_at": ago(60)}, PASS),
    ("prediction_age", {"predicted_at": ago(60.1)}, FAIL),
    ("prediction_age", {"predicted_at": ago(-2)}, PASS),
    ("prediction_age", {"predicted_at": ago(-2.1)}, UNKNOWN),
    ("prediction_age", {"predicted_at": None}, UNKNOWN),
    ("model_version", {"model_version": "v1"}, PASS),
    ("model_version", {"model_version": "v0"}, FAIL),
    ("model_version", {"model_version": "v2"}, FAIL),
    ("model_version", {"model_version": None}, UNKNOWN),
    ("ensemble_entropy", {"member_probabilities": (0.9, 0.9, 0.1)}, FAIL),
    ("ensemble_entropy", {"member_probabilities": (0.6, 0.6, 0.6)}, PASS),
    ("ensemble_entropy", {"member_probabilities": (0.9,)}, UNKNOWN),
    ("ensemble_entropy", {"member_probabilities": (0.9, 1.1)}, UNKNOWN),
]


@pytest.mark.parametrize(("name", "changes", "status"), PREDICTIONS, ids=str)
def test_a_prediction_is_judged_at_its_limits(
    name: str, changes: dict[str, Any], status: CheckStatus
) -> None:
    assert asked(name, cases.intent(model=cases.model(**changes))).status is status


def test_evidence_that_the_configuration_does_not_require_may_be_absent() -> None:
    loose = cases.limits(
        require_ensemble_members=False, require_model_version=False, require_prediction_time=False
    )
    model = cases.model(member_probabilities=(), model_version=None, predicted_at=None)
    decision = evaluate(cases.intent(model=model), cases.snapshot(), loose)
    assert decision.verdict is Verdict.ALLOW
    for name in ("ensemble_entropy", "model_version", "prediction_age"):
        assert decision.check(name).status is SKIPPED
    unregistered = cases.snapshot(known_model_versions=None)
    assert asked("model_version", snapshot=unregistered).status is SKIPPED
    strict = cases.limits(require_model_registry=True)
    assert asked("model_version", snapshot=unregistered, limits=strict).status is UNKNOWN


@pytest.mark.parametrize(("score", "status"), [(0.3, PASS), (0.29, FAIL), (1.1, UNKNOWN)])
def test_a_score_of_importance_stands_for_the_shares(score: float, status: CheckStatus) -> None:
    prediction = cases.model(feature_importance={}, feature_importance_score=score)
    it = cases.intent(model=prediction)
    assert asked("feature_importance", it).status is status
    expected = UNKNOWN if status is UNKNOWN else PASS
    assert asked("explainability", it).status is expected
    assert asked("explainability", it, limits=cases.limits(min_explained_features=2)).status in (
        FAIL,
        UNKNOWN,
    )
