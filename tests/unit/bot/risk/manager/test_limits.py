"""A notebook's limits: its parameters, never looser than its account's."""

import pytest

from bot.risk.manager.account import UnifiedRiskManager
from bot.risk.manager.limits import breaker_limits_of, limits_of, needs_code
from bot.risk.portfolio.parameters import RiskParameters
from config.loading import ConfigError
from tests.unit.bot.risk import cases
from tests.unit.bot.risk.cases import D


def account(**parameters: object) -> UnifiedRiskManager:
    return UnifiedRiskManager(RiskParameters(**parameters))  # type: ignore[arg-type]


def test_a_threshold_goes_by_the_configurations_name_or_the_gates() -> None:
    by_key = limits_of({"min_confidence": 0.77}, account())
    by_name = limits_of({"min_confidence": 0.77, "max_slices": 7}, account())
    assert by_key.min_confidence == by_name.min_confidence == 0.77
    assert by_name.max_slices == 7
    assert not by_key.require_prediction_time


@pytest.mark.parametrize(
    ("params", "words"),
    [({"min_confidense": 0.5}, "min_confidence"), ({"min_confidence": 1.5}, "min_confidence")],
)
def test_a_misspelt_or_impossible_threshold_is_refused(
    params: dict[str, float], words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        limits_of(params, account())


def test_given_limits_are_never_looser_than_the_accounts_caps() -> None:
    owner = account()
    caps = owner.params.caps()
    assert caps
    loose = cases.limits(**{name: cap * 1000 for name, cap in caps.items()})
    found = limits_of(loose, owner)
    assert {name: getattr(found, name) for name in caps} == dict(caps)


def test_thresholds_of_unknown_origin_need_a_code() -> None:
    assert needs_code(None)
    assert needs_code({"min_confidence": 0.5})


def test_breakers_follow_the_limits() -> None:
    found = breaker_limits_of(None, cases.limits(max_daily_loss_share=D("0.01")))
    assert found.daily_loss == 0.01
    assert found.max_data_age_seconds == cases.LIMITS.max_market_age_seconds
