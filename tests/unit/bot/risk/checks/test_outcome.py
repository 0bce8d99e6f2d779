"""The smallest cap sets the size; an input that can't be read is named."""

from bot.risk.gate import evaluate
from models.enums import Verdict
from tests.unit.bot.risk import cases
from tests.unit.bot.risk.cases import D
from tests.unit.bot.risk.checks.asking import asked, ruled, trading


def test_the_smallest_lot_that_the_exchange_takes_is_approved() -> None:
    decision = evaluate(cases.intent(), ruled(min_qty=D("0.1")), cases.LIMITS)
    assert decision.verdict is Verdict.ALLOW
    assert decision.approved_qty == D("0.1")


def test_the_smallest_of_several_caps_sets_the_size_and_is_named() -> None:
    thin = trading(ask_depth=D("3000"), volume_24h=D("40000"), volatility=1e-9)
    decision = evaluate(cases.intent(), thin, cases.LIMITS)
    assert decision.check("adv_share").cap == D("2000")
    assert decision.check("depth").cap == D("1500")
    assert decision.capped_by == "depth"
    assert decision.approved_notional == D("1500")


def test_an_unknown_says_what_is_wrong_with_its_input() -> None:
    missing = asked("confidence", cases.intent(model=cases.model(confidence=None)))
    assert missing.detail == "the input is missing"
    odd = asked("confidence", cases.intent(model=cases.model(confidence=7.0)))
    assert odd.detail == "7.0 is not a readable value"
    shares = {"fine": 0.5, "none": 0.0, "whole": 1.0, "broken": 1.5, "bad": -1.0}
    features = asked("explainability", cases.intent(model=cases.model(feature_importance=shares)))
    assert features.detail == "the importance of bad, broken is not a share"
    versions = {"v0": "rolled back", "v9": "not registered"}
    for version, word in versions.items():
        model = cases.model(model_version=version)
        assert asked("model_version", cases.intent(model=model)).value == word
