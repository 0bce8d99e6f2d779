"""The texts of a rule: plain digits, the distance to the limit, and what would have passed."""

from decimal import Decimal
from math import inf, nan

import pytest

from bot.risk.decision import CheckResult
from bot.risk.rule import Raw, RecordedRule, Rule, Sense, as_decimal, number_text
from models.enums import CheckStatus, TradeBlockReason
from tests.unit.bot.risk.cases import D

WHY = TradeBlockReason.DATA_STALE


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, None),
        ("halted", "halted"),
        (True, "true"),
        (3, "3"),
        (0.1, "0.1"),
        (1e-7, "0.0000001"),
        (D("1E+3"), "1000"),
        (D("2.500"), "2.5"),
        (D(1) / D(3), "0.333333333333"),
        (nan, "nan"),
        (inf, "infinity"),
    ],
)
def test_a_number_is_told_in_plain_digits(value: Raw, text: str | None) -> None:
    assert number_text(value) == text


@pytest.mark.parametrize("value", [None, "halted", nan, inf, D("NaN")])
def test_what_is_no_number_has_no_value(value: Raw) -> None:
    assert as_decimal(value) is None


def rule(sense: Sense, unit: str = "") -> Rule:
    return Rule("age", WHY, "the age", sense, unit)


def result(
    sense: Sense, status: CheckStatus, value: Raw, limit: Raw, unit: str = ""
) -> CheckResult:
    return CheckResult(rule(sense, unit), status, value, limit)


@pytest.mark.parametrize(
    ("sense", "margin"), [(Sense.AT_MOST, "-2"), (Sense.BELOW, "-2"), (Sense.AT_LEAST, "2")]
)
def test_the_margin_is_negative_beyond_the_limit(sense: Sense, margin: str) -> None:
    assert result(sense, CheckStatus.FAIL, D(7), D(5)).margin == margin


def test_a_state_has_no_margin() -> None:
    assert result(Sense.IS, CheckStatus.FAIL, "halted", "active").margin is None
    assert result(Sense.AT_MOST, CheckStatus.FAIL, True, 1).margin is None


def test_what_would_have_passed_is_told_of_what_did_not_pass() -> None:
    failed = result(Sense.AT_MOST, CheckStatus.FAIL, D(7), D(5), "s")
    assert failed.needed == "the age at most 5 s"
    assert failed.sentence == "The age: 7 s, but at most 5 s is required."
    passed = result(Sense.AT_MOST, CheckStatus.PASS, D(3), D(5), "s")
    assert passed.needed is None
    assert passed.sentence == "The age: 3 s, and at most 5 s is required."


def test_unknown_and_skipped_say_so() -> None:
    unknown = CheckResult(rule(Sense.AT_MOST), CheckStatus.UNKNOWN, detail="no clock")
    assert unknown.sentence == "The age: unknown, no clock."
    assert unknown.needed == "a readable value of the age"
    skipped = CheckResult(rule(Sense.AT_MOST), CheckStatus.SKIPPED)
    assert skipped.sentence == "The age: not asked, the rule does not apply."


def test_a_recorded_rule_tells_what_was_recorded() -> None:
    recorded = RecordedRule("age", WHY, "s", {"value": "7", "limit": "5", "sentence": "Too old."})
    told = CheckResult(recorded, CheckStatus.FAIL, Decimal(1), Decimal(2))
    assert (told.value, told.limit, told.margin, told.sentence) == ("7", "5", None, "Too old.")
