"""The user's document, section by section, as its code and its lists are written."""

import inspect
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pybit.unified_trading import HTTP
from pydantic import SecretStr

import bot.risk
from bot.clock import FixedClock
from bot.errors import BadMessage, NotAuthorised, Refused
from bot.risk import (
    AlertLevel,
    MarketRegime,
    MLRiskConfigManager,
    MLRiskManager,
    MLTradeExecutionPipeline,
    PositionSizeMethod,
    RiskLevel,
    RiskParameters,
    TradeValidationResult,
    UnifiedRiskManager,
)
from bot.risk.checks.registry import CHECKS
from config.settings import Environment, ExchangeMode, Settings, TradingMode
from models.enums import Algorithm, CircuitBreakerType, TradeBlockReason, TradeSide
from tests.support.documents.seed_document import (
    BASIC_SETUP,
    HIGH_SCORES,
    RETURNS,
    TRADE_VALIDATION,
    in_a_notebook,
)
from tests.unit.bot.risk.cases import NOW, D

PREDICTIONS = {
    "confidence": 0.95,
    "uncertainty": 0.05,
    "ensemble_agreement": 0.95,
    "stability": 0.95,
    "feature_importance_score": 0.9,
}
SIGNAL = {"side": "buy", "position_size": "1000"}


class Series:
    """Array-like as pandas' series are: iterable, with values, and not a list."""

    def __iter__(self) -> Iterator[float]:
        return iter(RETURNS)

    def __len__(self) -> int:
        return len(RETURNS)


async def sample(scores: dict[str, str], returns: Any) -> TradeValidationResult:
    names = await in_a_notebook(BASIC_SETUP)
    code = TRADE_VALIDATION
    for old, new in scores.items():
        assert old in code
        code = code.replace(old, new)
    names = await in_a_notebook(code, **names, price_returns_series=returns)
    result = names["validation_result"]
    assert isinstance(result, TradeValidationResult)
    return result


@pytest.mark.parametrize("kind", ["list", "numpy", "pandas-like"])
async def test_the_documents_samples_run_unchanged_and_high_scores_are_approved(
    kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """1. Basic Setup and 2. Trade Validation, without a server."""
    returns: Any = RETURNS if kind == "list" else Series()
    if kind == "numpy":
        returns = np.array(RETURNS)
    result = await sample(HIGH_SCORES, returns)
    assert result.blocked_reasons == []
    assert result.final_position_size == 1000
    assert "Trade approved: size=1000" in capsys.readouterr().out
    assert result.risk_assessment.feature_importance_score == 0.9
    assert result.risk_assessment.prediction_stability == 0.95
    risk = result.decision.check("trade_risk")
    assert "daily returns" in risk.sentence
    assert risk.value == "19"


async def test_the_documents_own_scores_are_blocked_for_what_they_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """ "Conservative Mode: high confidence requirements (80%+), low uncertainty (20%)"."""
    result = await sample({}, RETURNS)
    assert result.blocked_reasons == [
        TradeBlockReason.INSUFFICIENT_CONFIDENCE,
        TradeBlockReason.MODEL_UNCERTAINTY_HIGH,
    ]
    assert "Trade blocked: ['insufficient_confidence'" in capsys.readouterr().out


async def test_a_pipeline_is_made_without_a_server_and_needs_one_to_submit(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """1. Basic Setup makes a pipeline that nothing runs for yet."""
    monkeypatch.setenv("MLRISK_HOME", str(tmp_path))
    monkeypatch.delenv("MLRISK_DATABASE_URL", raising=False)
    names = await in_a_notebook(BASIC_SETUP, bybit_client=HTTP(testnet=True))
    pipeline = names["execution_pipeline"]
    with pytest.raises(Refused, match="mlrisk up"):
        pipeline.get_execution_status("r-1")
    pipeline.close()
    with pytest.raises(ValueError, match="not the account"):
        MLTradeExecutionPipeline(
            ml_risk_manager=names["ml_risk_manager"], unified_risk_manager=UnifiedRiskManager()
        )


@pytest.mark.parametrize(
    ("session", "mode", "fits"),
    [
        ({"testnet": True}, "testnet", True),
        ({"demo": True}, "demo", True),
        ({}, "live", True),
        ({}, "paper", True),
        ({}, "testnet", False),
        ({"testnet": True}, "live", False),
        ({"demo": True}, "live", False),
    ],
)
def test_a_session_of_another_venue_than_the_systems_is_refused(
    session: dict[str, bool], mode: str, fits: bool
) -> None:
    settings = Settings(
        exchange_mode=ExchangeMode(mode),
        account="main",
        api_key=SecretStr("key"),
        api_secret=SecretStr("secret"),
        environment=Environment.PRODUCTION,
        trading_mode=TradingMode.CONSERVATIVE,
    )
    given = HTTP(**session)
    if fits:
        assert MLTradeExecutionPipeline(settings, exchange_client=given).exchange_client is given
    else:
        with pytest.raises(ValueError, match="exchange_client trades on"):
            MLTradeExecutionPipeline(settings, exchange_client=given)


async def test_scores_of_numpy_and_small_ones_are_read_as_they_are() -> None:
    it = notebook()
    numbers = {name: np.float32(score) for name, score in PREDICTIONS.items()}
    market = {"volatility": np.float32(0.025)}
    assert (await it.validate_trade("BTCUSDT", SIGNAL, market, numbers)).is_approved
    tiny = PREDICTIONS | {"uncertainty": 0.0012345678901234567}
    assert (await it.validate_trade("BTCUSDT", SIGNAL, market, tiny)).is_approved
    for broken in (np.float32("nan"), float("inf")):
        with pytest.raises(BadMessage, match=r"ml_predictions\.confidence"):
            await it.validate_trade("BTCUSDT", SIGNAL, market, PREDICTIONS | {"confidence": broken})


def notebook(**params: Any) -> MLRiskManager:
    clock = FixedClock(NOW)
    return MLRiskManager(UnifiedRiskManager(RiskParameters(**params), clock))


async def ask(it: MLRiskManager, **market: Any) -> TradeValidationResult:
    return await it.validate_trade("BTCUSDT", SIGNAL, {"volatility": 0.025, **market}, PREDICTIONS)


@pytest.mark.parametrize(
    "twice", [{"prediction_stability": 0.9}, {"feature_importance": {"momentum": 0.5}}]
)
async def test_both_spellings_are_accepted_but_only_once(twice: dict[str, Any]) -> None:
    with pytest.raises(BadMessage, match="give one of them"):
        await notebook().validate_trade(
            "BTCUSDT", SIGNAL, {"volatility": 0.025}, PREDICTIONS | twice
        )


async def test_the_strategys_portfolio_value_counts_only_where_nobody_knows_better() -> None:
    unknown = notebook()
    first = await ask(unknown, portfolio_value=5000)
    assert first.final_position_size == 500
    assert (await ask(unknown, portfolio_value=4700)).decision.check("drawdown").value == "300"
    known = notebook(portfolio_value=100_000)
    doubted = await ask(known, portfolio_value=10_000_000)
    assert known.account.equity == 100_000
    assert any("worth 10000000" in warning for warning in doubted.warnings)
    near = await ask(known, portfolio_value=101_000)
    assert not any("worth" in warning for warning in near.warnings)
    nobody = await ask(notebook())
    assert any("100000 assumed" in warning for warning in nobody.warnings)
    with pytest.raises(BadMessage, match="portfolio_value"):
        await ask(notebook(), portfolio_value=-1)


async def test_returns_stand_for_a_volatility_that_is_not_given() -> None:
    it = notebook()
    result = await it.validate_trade("BTCUSDT", SIGNAL, {"returns": RETURNS}, PREDICTIONS)
    assert result.is_approved
    for nothing in ([0.01] * 60, [float("nan")] * 60, [0.01]):
        denied = await it.validate_trade("ETHUSDT", SIGNAL, {"returns": nothing}, PREDICTIONS)
        assert not denied.is_approved
    unreadable = await ask(it, returns="none")
    assert any("no readable daily returns" in warning for warning in unreadable.warnings)
    assert "normal law" in unreadable.decision.check("trade_risk").sentence


async def test_max_portfolio_risk_is_a_check_and_only_tightens() -> None:
    it = notebook(max_portfolio_risk=Decimal("0.0001"))
    result = await ask(it, returns=RETURNS)
    assert result.decision.capped_by == "trade_risk"
    assert result.final_position_size < 1000
    assert notebook(max_portfolio_risk=Decimal("0.5")).limits.max_portfolio_risk == D("0.02")
    stopped = await notebook().validate_trade(
        "BTCUSDT",
        {**SIGNAL, "stop_price": 45_000},
        {"volatility": 0.025, "price": 50_000, "spread_bps": 1},
        PREDICTIONS,
    )
    assert "at the stop" in stopped.decision.check("trade_risk").sentence


async def test_an_exit_shows_its_tax_and_is_no_smaller_for_it() -> None:
    """facts: "the estimated tax of an exit … shown in the decision"; "never more risk"."""
    for optimised in (True, False):
        it = notebook(enable_tax_optimization=optimised)
        it.account.record_fill("BTCUSDT", TradeSide.BUY, D("0.02"), D("40000"))
        clock = it.clock
        assert isinstance(clock, FixedClock)
        clock.move_to(NOW + timedelta(days=350))
        result = await it.validate_trade(
            "BTCUSDT", SIGNAL | {"side": "sell"}, {"bid": 50_000, "ask": 50_001}, {}
        )
        assert result.is_approved
        assert result.tax is not None
        assert (result.tax.gain, result.tax.estimated_tax) == (D(200), D(65))
        assert result.tax.near_threshold
        assert any("no tax advice" in warning for warning in result.warnings)


@pytest.mark.parametrize("environment", ["production", "staging"])
async def test_a_manual_stop_requires_an_override_code(environment: str) -> None:
    """API Reference, activate_emergency_stop: "Requires override code for manual activation"."""
    config = MLRiskConfigManager(environment=environment).get_config()
    thresholds = config.ml_risk_thresholds.__dict__
    for params in (config, thresholds):
        it = MLRiskManager(ml_risk_params=params)
        for code in (None, ""):
            with pytest.raises(NotAuthorised, match=r"Choose one.* override_code"):
                it.activate_emergency_stop("doubt", manual_override=True, override_code=code)
        assert it.trading_state.allows_adding
        assert it.activate_emergency_stop("doubt", manual_override=True, override_code="kept")
        automatic = MLRiskManager(ml_risk_params=params)
        assert automatic.activate_emergency_stop("losses", manual_override=False)


def test_development_stops_without_a_code() -> None:
    config = MLRiskConfigManager(environment="development").get_config()
    assert MLRiskManager(ml_risk_params=config).activate_emergency_stop("doubt")


# "API Reference"
METHODS = [
    (MLRiskManager, "validate_trade(symbol, signal_data, market_data, ml_predictions)"),
    (MLRiskManager, "activate_emergency_stop(reason, manual_override=True, override_code=None)"),
    (MLRiskManager, "check_and_trigger_circuit_breakers(market_data)"),
    (MLTradeExecutionPipeline, "submit_trade_request(trade_request)"),
    (MLTradeExecutionPipeline, "get_execution_status(request_id)"),
    (MLTradeExecutionPipeline, "emergency_halt_all_trading(reason)"),
]


@pytest.mark.parametrize(("owner", "signature"), METHODS)
def test_the_api_references_methods_have_its_parameters(owner: type, signature: str) -> None:
    name, _, rest = signature.partition("(")
    found = inspect.signature(getattr(owner, name)).parameters.values()
    given = [
        each.name if each.default is each.empty else f"{each.name}={each.default}"
        for each in found
        if each.name != "self" and each.kind is each.POSITIONAL_OR_KEYWORD
    ]
    assert ", ".join(given) == rest.rstrip(")")


# "Environment-Specific Settings" and "Trading Mode Adjustments"
@pytest.mark.parametrize("environment", ["development", "staging", "production"])
@pytest.mark.parametrize("mode", ["conservative", "aggressive", "paper_trading"])
def test_every_environment_has_every_mode(environment: str, mode: str) -> None:
    config = MLRiskConfigManager(environment=environment, trading_mode=mode).get_config()
    assert (config.environment, config.trading_mode) == (environment, mode)


@pytest.mark.parametrize(
    ("mode", "confidence", "uncertainty", "drawdown"),
    [("conservative", 0.8, 0.2, 0.03), ("aggressive", 0.6, 0.4, 0.08)],
)
def test_the_modes_have_the_documents_numbers(
    mode: str, confidence: float, uncertainty: float, drawdown: float
) -> None:
    """ "High confidence requirements (80%+), low uncertainty tolerance (20%), drawdown (3%)"."""
    config = MLRiskConfigManager(environment="staging", trading_mode=mode).get_config()
    assert config.ml_risk_thresholds.min_confidence == confidence
    assert config.ml_risk_thresholds.max_uncertainty == uncertainty
    assert config.emergency_stops.max_portfolio_drawdown == drawdown


def test_production_is_the_strictest_and_development_the_most_relaxed() -> None:
    """ "Production: maximum safety settings, manual recovery required for all safety systems"."""
    by = {
        name: MLRiskConfigManager(environment=name, trading_mode="aggressive").get_config()
        for name in ("development", "production")
    }
    assert by["production"].emergency_stops.manual_recovery_required
    assert not by["production"].circuit_breakers.auto_recovery
    assert by["development"].circuit_breakers.auto_recovery


def test_the_alerting_systems_levels_are_the_documents() -> None:
    """ "Alerting System: Info, Warning, Critical, Emergency Level"."""
    assert [level.value for level in AlertLevel] == ["info", "warning", "critical", "emergency"]


def test_the_circuit_breakers_are_the_documents() -> None:
    """ "Daily Loss Limit, Volatility Spike, Model Performance, Execution Failure Rate, Data"."""
    named = {"daily_loss", "volatility_spike", "model_performance", "execution_failure", "data"}
    kinds = [kind.value for kind in CircuitBreakerType]
    assert all(any(kind.startswith(name) for kind in kinds) for name in named)


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (
            PositionSizeMethod,
            "kelly_criterion volatility_targeting risk_parity max_drawdown tax_optimized",
        ),
        (
            MarketRegime,
            "low_volatility normal high_volatility crisis trending_up trending_down",
        ),
        (RiskLevel, "very_low low moderate high very_high extreme"),
    ],
)
def test_the_enums_have_the_originals_values(kind: Any, values: str) -> None:
    """facts: original interface."""
    assert [member.value for member in kind] == values.split()


def test_a_unified_manager_takes_its_parameters_by_the_originals_name_or_none() -> None:
    """facts: "UnifiedRiskManager(risk_params)", and all parameters are optional."""
    given = RiskParameters(max_position_size=Decimal("0.05"))
    assert UnifiedRiskManager(risk_params=given).params is given
    for none in (UnifiedRiskManager(None), UnifiedRiskManager(risk_params=None)):
        assert none.params == RiskParameters()
        assert MLRiskManager(none).limits == MLRiskManager().limits
    wrong: Any = {"max_position_size": 0.05}
    with pytest.raises(TypeError, match="must be RiskParameters or None, not dict"):
        UnifiedRiskManager(wrong)


NAMES = (
    "PositionSizeMethod MarketRegime RiskLevel AlertLevel PositionRisk PortfolioRiskMetrics "
    "RiskParameters UnifiedRiskManager TaxLots LotOrder"
)


@pytest.mark.parametrize("name", NAMES.split(" "))
def test_every_name_is_exported(name: str) -> None:
    assert getattr(bot.risk, name).__name__ == name


# "Risk Assessment Framework", each factor with the checks that ask for it.
FACTORS = {
    "Model Confidence": ("confidence",),
    "Model Uncertainty": ("uncertainty",),
    "Ensemble Agreement": ("ensemble_agreement", "ensemble_entropy"),
    "Prediction Stability": ("prediction_stability",),
    "Feature Importance": ("feature_importance",),
    "Volatility Regime": ("volatility_regime",),
    "Liquidity Conditions": ("depth", "spread"),
    "Correlation Risk": ("correlated_exposure", "concentration"),
    "Market Impact": ("impact",),
    "Slippage Risk": ("slippage",),
    "Timing Risk": ("data_age", "prediction_age", "time_to_expiry"),
}


@pytest.mark.parametrize("factor", FACTORS)
def test_every_risk_factor_is_asked_for(factor: str) -> None:
    """ "The system evaluates multiple risk dimensions for each ML-generated trade"."""
    assert set(FACTORS[factor]) <= {check.rule.name for check in CHECKS}


def test_the_pipelines_strategies_are_algorithms() -> None:
    """ "Multi-stage execution strategies (immediate, VWAP, TWAP, iceberg)"."""
    assert {"immediate", "vwap", "twap", "iceberg"} <= {*Algorithm}
