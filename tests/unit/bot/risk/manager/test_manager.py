"""The original interface's interface in a notebook: no Postgres, no Redis, and it says so."""

import subprocess
import sys
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import bot.risk
from bot.clock import FixedClock
from bot.errors import BadMessage, NotAuthorised
from bot.risk import (
    CircuitBreakerType,
    ExecutionPriority,
    ExecutionStatus,
    MLRiskConfigManager,
    MLRiskLevel,
    MLRiskManager,
    MLTradeRequest,
    MLTradeRisk,
    RiskLimits,
    RiskParameters,
    TradeBlockReason,
    TradeValidationResult,
    UnifiedRiskManager,
)
from bot.risk.manager.fields import KNOWN
from config.loading import ConfigError
from models.enums import TradeSide, TradingState
from models.messages import MLPredictions, RequestMarketData, SignalData
from tests.unit.bot.risk.cases import NOW, D

ROOT = Path(__file__).parents[5]
SIGNAL = {"position_size": 5000, "side": "buy"}
MARKET = {"price": 50_000, "volatility": 0.02, "spread_bps": 2, "volume_24h": 1e9}
PREDICTIONS = {
    "confidence": 0.85,
    "uncertainty": 0.15,
    "ensemble_agreement": 0.8,
    "prediction_stability": 0.8,
    "feature_importance": {"momentum": 0.4, "imbalance": 0.2},
}

MESSAGE = {
    "signal_data": SignalData,
    "market_data": RequestMarketData,
    "ml_predictions": MLPredictions,
}


def manager(params: Any = None, **account: Any) -> MLRiskManager:
    clock = FixedClock(NOW)
    return MLRiskManager(UnifiedRiskManager(RiskParameters(**account), clock), params)


async def validate(
    it: MLRiskManager, signal: Any = SIGNAL, market: Any = MARKET, predictions: Any = PREDICTIONS
) -> TradeValidationResult:
    return await it.validate_trade("BTCUSDT", signal, market, predictions)


async def test_a_sound_trade_is_approved_and_the_result_says_where_its_state_lives() -> None:
    result = await validate(manager())
    assert result.is_approved
    assert Decimal("4999") < result.final_position_size <= 5000
    assert result.blocked_reasons == []
    assert "in memory" in result.state_kept
    assert any("in memory" in warning for warning in result.warnings)
    assert any("not asked" in warning and "depth" in warning for warning in result.warnings)
    assert result.validation_timestamp == NOW
    assert result.execution_params["order_type"] == "limit"
    risk = result.risk_assessment
    assert isinstance(risk, MLTradeRisk)
    assert risk.symbol == "BTCUSDT"
    assert risk.ml_confidence == 0.85
    assert risk.feature_importance_score == pytest.approx(0.6)
    assert risk.recommended_action == "execute"
    assert risk.overall_ml_risk is MLRiskLevel.LOW
    assert risk.confidence_adjusted_size == 5000
    assert risk.timestamp == NOW


async def test_the_seeds_thresholds_go_in_as_a_dictionary() -> None:
    config = MLRiskConfigManager(environment="production", trading_mode="conservative")
    it = manager(config.get_config().ml_risk_thresholds.__dict__)
    assert it.limits.min_confidence == 0.8
    doubted = await validate(it, predictions={**PREDICTIONS, "confidence": 0.75})
    assert not doubted.is_approved
    assert doubted.blocked_reasons == [TradeBlockReason.INSUFFICIENT_CONFIDENCE]
    assert doubted.final_position_size == 0
    assert doubted.execution_params == {}
    assert doubted.risk_assessment.recommended_action == "reject"
    assert "0.75" in doubted.risk_assessment.explanation
    assert doubted.risk_assessment.risk_factors


async def test_a_whole_configuration_and_ready_limits_go_in_too() -> None:
    config = MLRiskConfigManager(environment="staging", trading_mode="paper_trading").get_config()
    assert manager(config).limits.min_confidence == 0.585
    assert manager(RiskLimits(min_confidence=0.1)).limits.min_confidence == 0.1
    assert manager({"max_position_share": 0.02}).limits.max_position_share == D("0.02")


def test_a_misspelt_threshold_is_refused() -> None:
    with pytest.raises(ConfigError, match="did you mean 'min_confidence'"):
        manager({"min_confidnce": 0.5})
    with pytest.raises(ConfigError, match="min_confidence must be a number"):
        manager({"min_confidence": 1.5})


async def test_the_accounts_own_parameters_are_limits() -> None:
    result = await validate(manager(portfolio_value=100_000, max_position_size=0.02))
    assert result.is_approved
    assert result.final_position_size <= 2000
    assert result.risk_assessment.recommended_action == "reduce_size"
    assert result.decision.capped_by == "position_size"


async def test_missing_evidence_denies() -> None:
    result = await validate(manager(), predictions={"confidence": 0.9})
    assert not result.is_approved
    assert TradeBlockReason.DATA_MISSING in result.blocked_reasons
    without_volatility = await validate(manager(), market={"price": 50_000})
    assert not without_volatility.is_approved


async def test_a_trade_without_a_price_is_sized_in_quote_currency() -> None:
    """The original interface's market data has no price: 2. Trade Validation."""
    for side in ("buy", "sell"):
        result = await validate(manager(), SIGNAL | {"side": side}, {"volatility": 0.02})
        assert result.final_position_size == 5000
        assert any("no price given" in warning for warning in result.warnings)
    held = manager()
    held.account.record_fill("BTCUSDT", TradeSide.BUY, D("0.01"), D("50000"))
    result = await validate(held, market={"volatility": 0.02})
    assert not any("no price given" in warning for warning in result.warnings)
    assert result.decision.reference_price == D("50012.5")


@pytest.mark.parametrize(
    ("signal", "market", "predictions", "field"),
    [
        ({"side": "buy"}, MARKET, PREDICTIONS, "signal_data.position_size"),
        ({"position_size": "1e5", "side": "buy"}, MARKET, PREDICTIONS, "signal_data.position_size"),
        ({"position_size": 5}, MARKET, PREDICTIONS, "signal_data.side"),
        (SIGNAL | {"priority": "asap"}, MARKET, PREDICTIONS, "signal_data.priority"),
        (SIGNAL, {"price": float("nan")}, PREDICTIONS, "market_data.price"),
        (SIGNAL, MARKET | {"bids": [[1]]}, PREDICTIONS, "market_data.bids"),
        (SIGNAL, MARKET | {"timestamp": "noon"}, PREDICTIONS, "market_data.timestamp"),
        (SIGNAL, MARKET, {"confidence": True}, "ml_predictions.confidence"),
        (SIGNAL, MARKET, {"feature_importance": [1]}, "ml_predictions.feature_importance"),
        (SIGNAL | {"reduce_onyl": True}, MARKET, PREDICTIONS, "signal_data.reduce_onyl"),
        (SIGNAL | {"reduce_only": "yes"}, MARKET, PREDICTIONS, "signal_data.reduce_only"),
        (SIGNAL | {"stop_loss": 4}, MARKET, PREDICTIONS, "signal_data.stop_loss"),
        (SIGNAL | {"action": "sell"}, MARKET, PREDICTIONS, "signal_data.action"),
        ({"position_size": 5, "action": "hold"}, MARKET, PREDICTIONS, "signal_data.action"),
        (SIGNAL, MARKET | {"volatilty": 0.9}, PREDICTIONS, "market_data.volatilty"),
        (SIGNAL, MARKET | {"close": 1}, PREDICTIONS, "market_data.close"),
        (SIGNAL, None, PREDICTIONS, "market_data"),
        (SIGNAL, MARKET, PREDICTIONS | {"confidnce": 0.9}, "ml_predictions.confidnce"),
    ],
)
async def test_what_cant_be_read_is_refused_by_its_field(
    signal: Any, market: Any, predictions: Any, field: str
) -> None:
    with pytest.raises(BadMessage) as caught:
        await validate(manager(), signal, market, predictions)
    assert field in {error.field for error in caught.value.errors}


async def test_a_side_that_is_no_side_is_never_taken_from_the_signals_strength() -> None:
    with pytest.raises(BadMessage) as caught:
        await validate(manager(), {"position_size": 5, "side": "hold", "signal_strength": 0.7})
    assert [error.field for error in caught.value.errors] == ["signal_data.side"]


async def test_a_field_that_nothing_reads_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(BadMessage, match="did you mean 'limit_price'"):
        await validate(manager(), SIGNAL | {"limitprice": 49_000})
    with pytest.raises(BadMessage, match="did you mean 'volatility_ratio'"):
        manager().check_and_trigger_circuit_breakers({"volatilty_ratio": 9})


async def test_whatever_the_door_takes_a_notebook_takes() -> None:
    """The same dictionaries are validated here and sent to the running system."""
    for section, model in MESSAGE.items():
        assert set(model.model_fields) <= KNOWN[section]
    it = manager()
    result = await validate(it, SIGNAL | {"algorithm": "pov", "participation_rate": 0.1})
    assert result.is_approved
    assert it.check_and_trigger_circuit_breakers(MARKET) == []


async def test_small_floats_and_other_words_for_the_side_are_understood() -> None:
    for signal in ({"action": "SELL"}, {"signal_strength": -0.00001}, {"direction": "short"}):
        result = await validate(manager(), {"position_size": 5000.0, **signal})
        assert result.execution_params["side"] == "sell"


async def test_a_full_market_is_asked_every_check() -> None:
    market = {
        "bid": "49999",
        "ask": "50000",
        "bids": [["49999", "100"]],
        "asks": [["50000", "100"]],
        "bid_depth": 5_000_000,
        "ask_depth": 5_000_000,
        "volatility": 0.02,
        "volatility_baseline": 0.02,
        "volume": 10**9,
        "mark_price": 50000,
        "index_price": 50000,
        "funding_rate": 0.0001,
        "timestamp": NOW,
        "qty_step": "0.001",
        "instrument_refreshed_at": NOW,
    }
    result = await validate(manager(), market=market)
    assert result.is_approved
    assert not any("not asked" in warning for warning in result.warnings)
    assert result.final_position_size == 5000
    stale = await validate(manager(), market=market | {"timestamp": NOW - timedelta(minutes=1)})
    assert stale.blocked_reasons == [TradeBlockReason.DATA_STALE]


async def test_a_naive_time_is_local_time_here_and_nowhere_else() -> None:
    local = NOW.astimezone().replace(tzinfo=None)
    result = await validate(manager(), market=MARKET | {"timestamp": local})
    assert result.is_approved


async def test_an_emergency_stop_denies_until_the_code_releases_it_step_by_step() -> None:
    it = manager()
    stopped = it.activate_emergency_stop("loss of faith", override_code="open-sesame")
    assert stopped
    assert (await stopped) is stopped
    assert stopped.state is TradingState.HALTED
    assert "loss of faith" in stopped.reason
    assert it.activate_emergency_stop("again").warning is not None
    denied = await validate(it)
    assert denied.blocked_reasons == [TradeBlockReason.EMERGENCY_STOP_ACTIVE]
    assert denied.risk_assessment.overall_ml_risk is MLRiskLevel.EMERGENCY_STOP
    assert denied.risk_assessment.recommended_action == "emergency_stop"
    for code in (None, "wrong"):
        with pytest.raises(NotAuthorised):
            it.release_emergency_stop("calm again", code)
    assert not it.release_emergency_stop("calm again", "open-sesame").active
    sizes = [(await validate(it)).final_position_size]
    for _ in range(3):
        it.advance_recovery("going well")
        sizes.append((await validate(it)).final_position_size)
    shares = [round(size / sizes[-1], 3) for size in sizes]
    assert shares == [D("0.100"), D("0.250"), D("0.500"), D("1.000")]
    assert it.trading_state is TradingState.ACTIVE


def test_there_is_nothing_to_release_while_nothing_is_stopped() -> None:
    assert manager().release_emergency_stop("why not").warning is not None


async def test_breakers_stay_tripped_until_somebody_resets_them() -> None:
    it = manager()
    await validate(it)
    tripped = await it.check_and_trigger_circuit_breakers(
        {"symbol": "BTCUSDT", "volatility": 0.1, "data_age_seconds": 60}
    )
    assert list(tripped) == [
        CircuitBreakerType.VOLATILITY_SPIKE,
        CircuitBreakerType.DATA_QUALITY_ISSUE,
    ]
    assert CircuitBreakerType.VOLATILITY_SPIKE in tripped
    calm = it.check_and_trigger_circuit_breakers({"symbol": "BTCUSDT", "volatility": 0.02})
    assert calm == []
    assert tripped[0] is CircuitBreakerType.VOLATILITY_SPIKE
    assert len(calm.latched) == 2
    assert (await validate(it)).blocked_reasons == [TradeBlockReason.CIRCUIT_BREAKER_ACTIVE]
    for kind in calm.latched:
        it.reset_circuit_breaker(kind, "looked at it")
    assert (await validate(it)).is_approved
    with pytest.raises(ValueError, match="needs a reason"):
        it.reset_circuit_breaker(CircuitBreakerType.VOLATILITY_SPIKE, " ")


@pytest.mark.parametrize("broken", [float("nan"), "much", float("inf"), [], 10**400])
@pytest.mark.parametrize(
    "key", ["volatility", "volatility_ratio", "correlation_shift", "data_age_seconds"]
)
def test_a_reading_that_is_no_number_trips_the_data_breaker(key: str, broken: Any) -> None:
    """ "Data Quality Issues: pauses when data quality degrades"."""
    assert manager().check_and_trigger_circuit_breakers({key: broken}) == [
        CircuitBreakerType.DATA_QUALITY_ISSUE
    ]


def test_bad_predictions_and_failing_orders_trip_their_breakers() -> None:
    it = manager()
    for i in range(20):
        it.record_prediction_outcome(correct=i % 3 == 0)
        it.record_execution(succeeded=i % 4 != 0)
    assert set(it.check_and_trigger_circuit_breakers({})) == {
        CircuitBreakerType.MODEL_PERFORMANCE_DEGRADED,
        CircuitBreakerType.EXECUTION_FAILURE_RATE,
    }


async def test_losses_of_the_account_count_realised_and_unrealised() -> None:
    it = manager(portfolio_value=100_000)
    it.account.record_fill("ETHUSDT", TradeSide.BUY, D("10"), D("2000"))
    it.account.mark({"ETHUSDT": D("1600")})
    assert it.account.equity == D("96000")
    assert set(it.check_and_trigger_circuit_breakers({})) == {CircuitBreakerType.DAILY_LOSS_LIMIT}
    result = await validate(it)
    assert TradeBlockReason.DAILY_LOSS_LIMIT in result.blocked_reasons
    assert it.account.record_fill("ETHUSDT", TradeSide.SELL, D("10"), D("1600")) == D("-4000")
    assert it.account.equity == D("96000")
    assert it.account.view().positions == ()


def test_the_account_books_fills_through_zero() -> None:
    account = UnifiedRiskManager(RiskParameters(portfolio_value=1000), FixedClock(NOW))
    buy, sell = TradeSide.BUY, TradeSide.SELL
    account.record_fill("X", buy, D(1), D(100))
    account.record_fill("X", buy, D(1), D(200), fee=D(1))
    assert account.view().positions[0].entry_price == D(150)
    assert account.record_fill("X", sell, D(3), D(140)) == D(-20)
    position = account.view().positions[0]
    assert (position.qty, position.entry_price) == (D(-1), D(140))
    assert account.consecutive_losses == 1
    assert account.record_fill("X", buy, D(1), D(130)) == D(10)
    assert account.consecutive_losses == 0
    assert account.equity == D(1000) - 1 - 20 + 10
    account.set_equity(D(500))
    assert account.equity == D(500)


def test_the_day_and_the_rolling_window_move_with_the_clock() -> None:
    clock = FixedClock(NOW)
    account = UnifiedRiskManager(RiskParameters(portfolio_value=1000), clock)
    account.set_equity(D(900))
    assert account.daily_loss_share == D("0.1")
    clock.move_to(NOW + timedelta(hours=13))
    assert account.daily_loss_share == 0
    assert account.view().rolling_pnl_24h == D(-100)
    clock.move_to(NOW + timedelta(hours=25))
    assert account.view().rolling_pnl_24h == 0
    assert account.view().equity_peak == D(1000)


def test_the_seeds_names_and_values_are_all_there() -> None:
    assert [level.value for level in MLRiskLevel] == [
        "very_low",
        "low",
        "moderate",
        "high",
        "very_high",
        "extreme",
        "emergency_stop",
    ]
    assert ExecutionPriority.URGENT == "urgent"
    assert ExecutionStatus.EMERGENCY_STOPPED == "emergency_stopped"
    assert "request_id" in MLTradeRequest.model_fields
    for name in bot.risk.__all__:
        assert getattr(bot.risk, name) is not None
    assert "MLTradeExecutionPipeline" in dir(bot.risk)
    with pytest.raises(AttributeError, match="has no attribute 'Nothing'"):
        _ = bot.risk.Nothing


def test_importing_the_gate_loads_no_database_no_broker_and_no_network() -> None:
    program = (
        "import sys, bot.risk; from bot.risk import MLRiskManager, MLRiskConfigManager;"
        "bad = {'sqlalchemy', 'celery', 'redis', 'psycopg', 'aiohttp', 'requests', 'pybit'};"
        "print(sorted(bad & sys.modules.keys()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
