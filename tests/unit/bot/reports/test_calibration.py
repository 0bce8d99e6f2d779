"""The review of a limit: what is read of decisions, and the rules of its proposal."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.gate_value.figures import BlockValue, ValueFinding
from bot.reports.calibration import (
    LEAST_ASKED,
    LimitReadings,
    Proposal,
    Reviewed,
    review,
    review_breakers,
)
from bot.risk.limits import RiskLimits
from bot.risk.rule import Sense
from bot.safety.breakers.quality import Quality
from config.declaration import declarations

BY_NAME = {each.name: each for each in declarations(RiskLimits)}
POSITION = BY_NAME["max_position_share"]
"""Lower is stricter."""
CONFIDENCE = BY_NAME["min_confidence"]
"""Higher is stricter."""
D = Decimal
TENTH = Decimal("0.1")


def result(value: str | None, limit: str = "100", status: str = "pass") -> dict[str, Any]:
    return {"status": status, "value": value, "limit": limit}


def readings(*values: str, sense: Sense = Sense.AT_MOST, times: int = 1) -> LimitReadings:
    found = LimitReadings()
    for value in values * times:
        broken = D(value) > 100 if sense is Sense.AT_MOST else D(value) < 100
        found.note(result(value, status="fail" if broken else "pass"), sense, decided=broken)
    return found


def worth(finding: ValueFinding) -> BlockValue:
    return BlockValue(
        "position_size", 9, 9, {}, 3, D(1), D(2), -1.0, -2.0, -0.5, 0.01, finding, None, 1.0
    )


def judged(found: LimitReadings, value: Any = TENTH, known: BlockValue | None = None) -> Reviewed:
    return review(POSITION, value, "position_size", found, known)


def test_a_reading_counts_what_was_reached_near_unknown_and_decided() -> None:
    found = readings("10", "95", "130")
    found.note(result(None, status="unknown"), Sense.AT_MOST, decided=False)
    found.note(result(None, status="skipped"), Sense.AT_MOST, decided=False)
    assert (found.asked, found.reached, found.near, found.unknown) == (3, 1, 1, 1)
    assert found.deciding == 1
    assert found.headroom(0.0) == pytest.approx(0.9)
    assert found.headroom(1.0) == pytest.approx(-0.3)


def test_the_used_part_of_a_lower_bound_is_the_limit_over_the_value() -> None:
    assert readings("200", sense=Sense.AT_LEAST).uses == [0.5]


@pytest.mark.parametrize(
    "stored",
    [result("many"), result(None), result("5", "0"), result("-5"), result("5", "none")],
    ids=str,
)
def test_what_is_no_number_is_not_asked(stored: dict[str, Any]) -> None:
    found = LimitReadings()
    found.note(stored, Sense.AT_MOST, decided=False)
    assert found.asked == 0


def test_words_have_no_use() -> None:
    found = LimitReadings()
    found.note(result("5"), Sense.IS, decided=True)
    assert (found.asked, found.headroom(0.5), found.fullest) == (0, None, None)


def test_a_limit_that_is_far_away_may_be_tighter_by_a_stated_value() -> None:
    found = judged(readings("10", "44", times=LEAST_ASKED))
    assert (found.proposal, found.proposed) == (Proposal.TIGHTEN, "0.055")
    assert "nothing used more than 44%" in found.why


def test_a_step_never_more_than_halves_a_limit() -> None:
    assert judged(readings("1", times=LEAST_ASKED)).proposed == "0.05"


def test_a_value_is_told_and_proposed_as_the_file_says_it() -> None:
    slippage = BY_NAME["max_slippage_bps"]
    found = review(slippage, D(50), "slippage", readings("40", times=LEAST_ASKED), None)
    assert (found.value, found.unit) == ("0.005", "share of the price")
    assert found.proposed == "0.0025"


def test_a_lower_bound_is_tightened_upwards() -> None:
    found = readings("250", sense=Sense.AT_LEAST, times=LEAST_ASKED)
    assert review(CONFIDENCE, 0.2, "confidence", found, None).proposed == "0.4"
    assert review(CONFIDENCE, 0.6, "confidence", found, None).proposal is Proposal.KEEP, (
        "a confidence above 1 is not accepted"
    )


@given(
    value=st.decimals("0.0001", "1", places=4, allow_nan=False),
    fullest=st.integers(1, 50),
)
def test_a_proposed_value_is_stricter_and_no_decision_would_have_reached_it(
    value: Decimal, fullest: int
) -> None:
    found = judged(readings(str(fullest), times=LEAST_ASKED), value)
    if found.proposed is None:
        assert found.proposal is Proposal.KEEP
        return
    assert value * fullest / 100 <= D(found.proposed) < value
    assert D(found.proposed) >= value / 2


@pytest.mark.parametrize(
    ("found", "value", "known", "proposal", "why"),
    [
        (LimitReadings(), D("0.1"), None, Proposal.NOT_JUDGED, "no decision"),
        (readings("5", times=999), None, None, Proposal.NOT_JUDGED, "it is off"),
        (readings("5"), D("0.1"), None, Proposal.KEEP, "say too little"),
        (readings("130", times=LEAST_ASKED), D("0.1"), None, Proposal.QUESTION, "stops most"),
        (readings("5"), D("0.1"), worth(ValueFinding.COST), Proposal.QUESTION, "cost money"),
        (
            readings("90", "130", "90", times=LEAST_ASKED),
            D("0.1"),
            worth(ValueFinding.SAVED),
            Proposal.KEEP,
            "saved money",
        ),
        (readings("90", times=LEAST_ASKED), D("0.1"), None, Proposal.KEEP, "it is used"),
    ],
)
def test_each_rule_has_its_proposal(
    found: LimitReadings, value: Any, known: BlockValue | None, proposal: Proposal, why: str
) -> None:
    reviewed = judged(found, value, known)
    assert (reviewed.proposal, reviewed.proposed) == (proposal, None)
    assert why in reviewed.why


def test_a_limit_without_a_check_is_not_judged() -> None:
    assert review(POSITION, D(1), "", LimitReadings(), None).proposal is Proposal.NOT_JUDGED


def test_a_breaker_whose_trips_were_mostly_false_is_questioned() -> None:
    bad = Quality("churn", 4, {}, 3, 0.75, 0, None, None, 4, 0, 0.0)
    few = replace(bad, kind="drawdown", trips=3, false_trips=3)
    found = review_breakers(["churn", "spread"], [bad, few])
    assert [(each.kind, each.proposal) for each in found] == [
        ("churn", Proposal.QUESTION),
        ("drawdown", Proposal.KEEP),
        ("spread", Proposal.KEEP),
    ]
    assert found[2].why == "it did not trip"
