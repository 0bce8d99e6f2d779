"""Backup plans at the door: both forms, and refusals that name what is wrong."""

from typing import Any

import pytest
from pydantic import ValidationError

from models.backup import MAX_STEPS, BackupPlan, BackupStep, FailureClass

DECLARABLE = [f for f in FailureClass if f not in (FailureClass.SYMBOL, FailureClass.FATAL)]


def refusal(declared: Any) -> tuple[str, str]:
    """The dotted field and the message of the first error."""
    with pytest.raises(ValidationError) as caught:
        BackupPlan.model_validate(declared)
    error = caught.value.errors()[0]
    return ".".join(str(part) for part in error["loc"]), error["msg"]


def test_an_empty_plan_leaves_every_class_to_the_operator() -> None:
    plan = BackupPlan.model_validate({})
    assert [plan.steps_of(failure) for failure in FailureClass] == [None] * len(FailureClass)
    assert plan.cancel_on_risk_increase is False
    assert plan.fallback_algorithm is None


@pytest.mark.parametrize("failure", DECLARABLE)
def test_a_ladder_is_declared_by_the_name_of_its_class(failure: FailureClass) -> None:
    plan = BackupPlan.model_validate({failure.value: ["retry", "stop_and_alert"]})
    assert plan.steps_of(failure) == (BackupStep.RETRY, BackupStep.STOP_AND_ALERT)
    assert all(plan.steps_of(other) is None for other in FailureClass if other is not failure)


def test_the_seeds_short_form_is_one_ladder_for_what_another_order_can_cure() -> None:
    plan = BackupPlan.model_validate(
        ["reduce_size", "market_order_fallback", "cancel_on_risk_increase"]
    )
    ladder = (BackupStep.REDUCE_SIZE, BackupStep.MARKET_ORDER_FALLBACK)
    assert {failure for failure in FailureClass if plan.steps_of(failure) == ladder} == {
        FailureClass.NO_LIQUIDITY,
        FailureClass.PRICE,
        FailureClass.MARGIN,
        FailureClass.TIMEOUT,
        FailureClass.REJECTED,
    }
    assert plan.steps_of(FailureClass.THROTTLED) is None
    assert plan.cancel_on_risk_increase is True


def test_the_risk_switch_alone_leaves_the_ladders_to_the_operator() -> None:
    plan = BackupPlan.model_validate(["cancel_on_risk_increase"])
    assert plan == BackupPlan(cancel_on_risk_increase=True)


def test_the_short_form_without_the_switch_leaves_it_off() -> None:
    assert BackupPlan.model_validate(["retry"]).cancel_on_risk_increase is False


@pytest.mark.parametrize("declared", [{"price": ["retry"]}, ["reduce_size", "stop_and_alert"]])
def test_a_plan_survives_its_own_json(declared: Any) -> None:
    plan = BackupPlan.model_validate(declared)
    assert BackupPlan.model_validate_json(plan.model_dump_json()) == plan


@pytest.mark.parametrize(
    ("declared", "field", "words"),
    [
        ({"price": ["again"]}, "price.0", "Input should be 'retry'"),
        ({"price": []}, "price", "at least one step"),
        ({"price": ["stop_and_alert", "retry"]}, "price", "must be the last step"),
        ({"price": ["retry"] * (MAX_STEPS + 1)}, "price", f"at most {MAX_STEPS}"),
        ({"fatal": ["retry"]}, "fatal", "not permitted"),
        ({"symbol": ["retry"]}, "symbol", "not permitted"),
        ({"cancel_on_risk_increase": 1}, "cancel_on_risk_increase", "valid boolean"),
        ({"fallback_algorithm": "market"}, "fallback_algorithm", "Input should be"),
        (["retry", "again"], "", "name 2 must be one of retry,"),
        ([["retry"]], "", "name 1 must be one of"),
        ([], "", "at least one step"),
        (["stop_and_alert", "retry"], "", "must be the last step"),
        (["retry"] * (MAX_STEPS + 1), "", f"at most {MAX_STEPS}"),
        ("retry", "", "valid dictionary"),
    ],
)
def test_a_wrong_plan_is_refused_by_its_field(declared: Any, field: str, words: str) -> None:
    found, message = refusal(declared)
    assert found == field
    assert words in message


def test_a_plan_cannot_be_changed() -> None:
    plan = BackupPlan()
    with pytest.raises(ValidationError, match="frozen"):
        plan.price = (BackupStep.RETRY,)  # type: ignore[misc]


def test_the_published_schema_shows_both_forms() -> None:
    short, full = BackupPlan.model_json_schema()["anyOf"]
    assert short["items"]["enum"] == [*(s.value for s in BackupStep), "cancel_on_risk_increase"]
    assert set(full["properties"]) == set(BackupPlan.model_fields)
    assert full["additionalProperties"] is False
