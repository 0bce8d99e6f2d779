"""The configuration: its values and defaults, its layers and origins, and what it refuses."""

import json
from pathlib import Path
from typing import Any

import pytest

from config.loading import parse
from config.sections import SECTIONS, keys_of
from config.thresholds import (
    PACKAGED,
    ConfigError,
    MLRiskConfigManager,
    load_base,
)

TEXT = PACKAGED.read_text()


def manager(environment: str = "production", mode: str = "conservative", **more: Any) -> Any:
    return MLRiskConfigManager(PACKAGED, environment, mode, **more)


def test_the_base_has_the_seeds_values() -> None:
    base = load_base(PACKAGED)
    assert base.ml_risk_thresholds.__dict__ == {
        "min_confidence": 0.6,
        "max_uncertainty": 0.4,
        "min_ensemble_agreement": 0.7,
        "min_prediction_stability": 0.6,
        "min_feature_importance": 0.3,
        "max_position_size": 0.1,
    }
    assert base.circuit_breakers.__dict__ == {
        "daily_loss_limit": 0.03,
        "volatility_spike_multiplier": 3.0,
        "min_model_performance": 0.4,
        "max_execution_failure_rate": 0.2,
        "auto_recovery": False,
    }
    assert base.emergency_stops.__dict__ == {
        "max_consecutive_losses": 5,
        "max_portfolio_drawdown": 0.1,
        "max_position_drawdown": 0.2,
        "manual_recovery_required": True,
        "losing_streak_halts": True,
        "breakers_at_once": 3,
        "breakers_window_minutes": 15.0,
        "failing_models": 2,
        "exchange_lost_seconds": 300.0,
        "database_lost_seconds": 300.0,
        "audit_unwritable_seconds": 60.0,
        "audit_log_fault_seconds": 300.0,
    }
    assert base.position_monitoring.__dict__ == {
        "check_interval_seconds": 30,
        "max_positions": 10,
        "stop_loss": 0.05,
        "take_profit": 0.15,
        "trailing_stop": None,
        "protective_stops": True,
        "stop_confirm_seconds": 3,
        "stop_fill_seconds": 5,
        "alert_threshold": 0.03,
        "max_holding_hours": 24,
        "confidence_drop": 0.3,
        "correlation_threshold": 0.8,
        "max_correlated_positions": 3,
    }
    assert base.execution.__dict__ == {
        "timeout_seconds": 30,
        "max_retries": 3,
        "max_impact_bps": 20,
        "max_adv_share": 0.05,
        "max_slippage": 0.005,
        "backup_max_slippage": 0.01,
    }


# environment, mode -> confidence, uncertainty, daily loss, losses, drawdown, manual, auto
SEED = [
    ("production", "conservative", 0.8, 0.2, 0.015, 3, 0.03, True, False),
    ("production", "aggressive", 0.6, 0.4, 0.04, 3, 0.08, True, False),
    ("production", "paper_trading", 0.72, 0.4, 0.02, 3, 0.05, False, True),
    ("staging", "conservative", 0.8, 0.2, 0.015, 4, 0.03, True, False),
    ("staging", "aggressive", 0.6, 0.4, 0.04, 4, 0.08, True, False),
    ("staging", "paper_trading", 0.585, 0.4, 0.03, 4, 0.1, False, True),
    ("development", "conservative", 0.8, 0.2, 0.015, 5, 0.03, False, True),
    ("development", "aggressive", 0.6, 0.4, 0.04, 5, 0.08, False, True),
    ("development", "paper_trading", 0.45, 0.4, 0.05, 5, 0.1, False, True),
]


@pytest.mark.parametrize("row", SEED, ids=lambda row: f"{row[0]}-{row[1]}")
def test_environments_and_modes_have_the_seeds_values(row: tuple[Any, ...]) -> None:
    config = manager(row[0], row[1]).get_config()
    stops, breakers = config.emergency_stops, config.circuit_breakers
    assert (
        config.ml_risk_thresholds.min_confidence,
        config.ml_risk_thresholds.max_uncertainty,
        breakers.daily_loss_limit,
        stops.max_consecutive_losses,
        stops.max_portfolio_drawdown,
        stops.manual_recovery_required,
        breakers.auto_recovery,
    ) == row[2:]


def test_paper_trading_takes_a_tenth_off_every_floor_exactly() -> None:
    thresholds = manager("staging", "paper_trading").get_config().ml_risk_thresholds
    assert thresholds.min_ensemble_agreement == 0.63
    assert thresholds.min_prediction_stability == 0.54
    assert thresholds.min_feature_importance == 0.27


def test_the_seeds_call_works_as_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Also from elsewhere: the file that is installed with the package is used then."""
    for place in (PACKAGED.parents[1], tmp_path):
        monkeypatch.chdir(place)
        config = MLRiskConfigManager(
            config_path="config/ml_risk_config.yaml",
            environment="production",
            trading_mode="conservative",
        ).get_config()
        assert config.ml_risk_thresholds.__dict__["min_confidence"] == 0.8


def test_each_value_says_where_it_comes_from() -> None:
    config = manager(overrides={"execution.max_retries": 1}).get_config()
    layers = {path: origin.layer for path, origin in config.origins.items()}
    assert layers["ml_risk_thresholds.max_position_size"] == "base"
    assert layers["emergency_stops.max_consecutive_losses"] == "environments.production"
    assert layers["ml_risk_thresholds.min_confidence"] == "modes.conservative"
    assert layers["execution.max_retries"] == "override"
    origin = config.origins["emergency_stops.max_consecutive_losses"]
    assert origin.place.line is not None
    line = TEXT.splitlines()[origin.place.line - 1]
    assert "max_consecutive_losses: 3" in line
    scaled = manager(mode="paper_trading").get_config().origins
    assert scaled["ml_risk_thresholds.min_confidence"].layer == (
        "modes.paper_trading x 0.9 of environments.production"
    )
    assert set(layers) == {f"{s}.{key}" for s in SECTIONS for key in keys_of(s)}


def refusal(tmp_path: Path, text: str, **more: Any) -> list[str]:
    path = tmp_path / "risk.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        MLRiskConfigManager(path, "production", "conservative", **more)
    return [problem.replace(str(path), "F") for problem in caught.value.problems]


def test_every_error_is_told_at_once_with_its_line(tmp_path: Path) -> None:
    text = (
        TEXT.replace("    daily_loss_limit: 0.03\n", "    daily_los_limit: 0.03\n")
        .replace("max_slices: 2000", "max_slices: many")
        .replace("max_uncertainty: 0.4\n", "max_uncertainty: 1.4\n", 1)
        .replace("modes:\n", "mode:\n")
    )
    lines = text.splitlines()
    problems = refusal(tmp_path, text)

    def line_of(word: str) -> int:
        return next(i for i, line in enumerate(lines, 1) if line.strip().startswith(word))

    assert problems[:4] == [
        f"F:{line_of('max_uncertainty: 1.4')}: base.ml_risk_thresholds.max_uncertainty must be "
        "a number from 0 up to 1, found 1.4",
        f"F:{line_of('daily_los_limit')}: base.circuit_breakers: unknown key 'daily_los_limit' "
        "(did you mean 'daily_loss_limit'?)",
        f"F:{line_of('max_slices')}: base.gate.max_slices must be a whole number from 1, "
        "found 'many'",
        f"F:{line_of('mode:')}: unknown key 'mode' (did you mean 'modes'?)",
    ]
    assert "unknown trading mode 'conservative'" in problems[4]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("max_retries: 3", "max_retries: 3\n    max_retries: 4", "is given twice here"),
        ("max_retries: 3", "max_retries: true", "must be a whole number from 0"),
        ("auto_recovery: false", "auto_recovery: 0", "must be true or false"),
        ("take_profit: 0.15", "take_profit: .inf", "must be a number above 0"),
        ("take_profit: 0.15", "take_profit: null", "must be a number above 0"),
        ("take_profit: 0.15", "take_profit: [", "not readable as YAML"),
        ("take_profit: 0.15", "", "take_profit is missing"),
        ("  execution:\n", "  executoin:\n", "did you mean 'execution'"),
        ("    max_slices: 2000\n", "    stop_loss: 0.1\n", "belongs to 'position_monitoring'"),
        ("base:\n", "bse:\n", "the layer 'base' is missing"),
        ("hard_caps: [", "hard_caps: [1, ", "must be a list"),
        ("default_algorithm: auto", "default_algorithm: 7", "must be one of auto, immediate"),
        ("backup_throttled: [retry]", "backup_throttled: [1]", "must be a list of retry"),
        ("min_confidence: 0.9\n", "min_confidnce: 0.9\n", "did you mean 'min_confidence'"),
        ("min_confidence: 0.9\n", "min_confidence: -1\n", "must be a number above 0"),
        ("modes:\n", "modes:\n  odd: {scale: {execution: {max_retries: 2}}}\n", "no fraction"),
        ("environments:\n", "environments: 3\nmodes2:\n", "must be a mapping"),
    ],
)
def test_what_is_wrong_is_refused_by_name(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in TEXT
    problems = refusal(tmp_path, TEXT.replace(old, new))
    assert any(message in problem for problem in problems), problems


def test_values_that_contradict_each_other_name_both_origins(tmp_path: Path) -> None:
    problems = refusal(tmp_path, TEXT, overrides={"execution.max_slippage": 0.02})
    (problem,) = problems
    assert "execution.max_slippage (0.02, from override) must not exceed" in problem
    assert "execution.backup_max_slippage (0.01, from base (F:" in problem


def test_overrides_are_checked_like_the_file() -> None:
    with pytest.raises(ConfigError) as caught:
        manager(
            overrides={
                "circuit_breakers": {"daily_los_limit": 0.02, "daily_loss_limit": 7},
                "executoin.max_retries": 1,
            }
        )
    assert len(caught.value.problems) == 3
    assert "did you mean 'daily_loss_limit'" in str(caught.value)


@pytest.mark.parametrize(
    ("environment", "mode"), [("prod", "aggressive"), ("staging", "agressive")]
)
def test_unknown_environments_and_modes_are_refused(environment: str, mode: str) -> None:
    with pytest.raises(ConfigError, match="known: "):
        manager(environment, mode)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="can't be read"):
        MLRiskConfigManager(tmp_path / "none.yaml")


def test_overrides_of_a_version_are_named_after_it() -> None:
    config = manager(overrides={"execution.max_retries": 1}, version=7).get_config()
    assert config.version == 7
    assert config.origins["execution.max_retries"].layer == "version 7"
    assert manager().get_config().version == 1


def test_an_update_acts_in_this_object_alone_and_as_a_whole() -> None:
    it = manager()
    before = it.get_config()
    for wrong in ({"execution.max_slippage": 0.5}, {"gate.max_slices": 5, "gate.max_slics": 1}):
        with pytest.raises(ConfigError):
            it.update_config(wrong)
        assert it.get_config() is before
    it.update_config({"gate.max_slices": 5})
    after = it.update_config({"gate": {"max_leverage": 2}})
    assert (after.gate.max_slices, after.gate.max_leverage) == (5, 2.0)
    assert after.origins["gate.max_slices"].layer == "update"
    assert it.get_config() is after
    assert manager().get_config().gate.max_slices == before.gate.max_slices


def test_values_can_be_read_by_path_and_as_plain_json() -> None:
    config = manager().get_config()
    assert config.value("execution.max_retries") == 3
    assert config.values()["execution.max_retries"] == 3
    with pytest.raises(KeyError):
        config.value("execution.nothing")
    assert json.loads(json.dumps(config.to_dict()))["gate"]["hard_caps"]


def test_an_empty_file_has_no_base() -> None:
    assert parse("", "F").problems == ["F: the layer 'base' is missing"]
