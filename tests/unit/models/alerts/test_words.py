"""The condition of an audit entry: its key, its sentence, and the entry that ends it."""

import pytest

from bot.safety.emergency.triggers import TriggerKind
from models.alerts import levels, words
from models.alerts.words import LASTING, condition_of, ended_by, key_of
from models.enums import AlertLevel

SPIKE = {"breaker": "volatility_spike", "reason": "3.1 times the usual", "beside": []}


def test_information_is_no_alert() -> None:
    assert condition_of("paper", "fill", "child:1", {}) is None
    assert condition_of("paper", "decision", "r-1", {"verdict": "deny"}) is None


def test_a_thousand_lost_orders_are_one_condition_and_two_breakers_are_two() -> None:
    lost = {condition_of("paper", "order_lost", f"r-{n}", {}).key for n in range(1_000)}  # type: ignore[union-attr]
    assert len(lost) == 1
    other = {**SPIKE, "breaker": "data_quality_issue"}
    keys = {key_of("paper", "breaker_tripped", "account:paper", said) for said in (SPIKE, other)}
    assert len(keys) == 2


def test_two_emergency_triggers_are_two_conditions_that_people_are_told_of() -> None:
    subjects = [f"emergency:{kind}" for kind in TriggerKind]
    keys = {key_of("paper", "emergency_triggered", subject, {}) for subject in subjects}
    assert len(keys) == len(TriggerKind)


def test_the_sentence_names_condition_subject_and_reason() -> None:
    found = condition_of("paper", "breaker_tripped", "account:paper", SPIKE)
    assert found is not None
    assert found.level is AlertLevel.WARNING
    assert found.lasting
    assert found.text == (
        "the breaker volatility_spike tripped (account:paper): 3.1 times the usual"
    )


def test_a_long_reason_is_cut() -> None:
    found = condition_of("paper", "halted", "global:*", {"reason": "x" * 5_000})
    assert found is not None
    assert len(found.text) == 500


@pytest.mark.parametrize(
    ("raised", "ended"),
    [
        (("breaker_tripped", "account:paper", SPIKE), ("breaker_reset", "account:paper", SPIKE)),
        (
            ("breaker_tripped", "symbol:BTCUSDT", SPIKE),
            ("breaker_reset", "account:paper", {**SPIKE, "scope": "symbol:BTCUSDT long"}),
        ),
        (
            ("breaker_tripped", "symbol:BTCUSDT", SPIKE),
            ("breaker_recovered", "symbol:BTCUSDT", SPIKE),
        ),
        (("halted", "global:*", {}), ("resumed", "global:*", {})),
        (("system_failure", "redis", {}), ("system_failure_over", "redis", {})),
        (("account_unfit", "paper", {}), ("account_fit", "paper", {})),
        (("trading_lease_withheld", "paper", {}), ("trading_lease_granted", "paper", {})),
        (("symbol_refused", "XUSDT", {}), ("symbol_taken", "XUSDT", {})),
    ],
)
def test_a_lasting_condition_ends_with_its_own_entry(
    raised: tuple[str, str, dict[str, object]], ended: tuple[str, str, dict[str, object]]
) -> None:
    found = condition_of("paper", *raised)
    assert found is not None
    assert found.lasting
    assert ended_by("paper", *ended) == found.key
    assert ended_by("other", *ended) != found.key


def test_nothing_else_ends_a_condition() -> None:
    assert ended_by("paper", "fill", "child:1", {}) is None


def test_every_kind_above_information_has_a_sentence_of_its_own() -> None:
    told = {"breaker_tripped", "decision", "login_refused", "code_refused", "backup_plan"}
    told |= {"exit_unfilled", "worker_restarted"}
    kinds = levels._WARNINGS | levels._CRITICAL | levels._EMERGENCIES | told
    assert kinds == set(words.SENTENCES)
    assert kinds >= LASTING
