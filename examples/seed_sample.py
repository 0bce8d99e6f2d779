"""The original interface in use: configuration, one decision in memory, the pipeline.

`python -m examples.seed_sample`. The first two parts need nothing but this package; the pipeline
needs a running system (`mlrisk up`, or `make run`) and says so when there is none. `returns` may as
well be a numpy array or a pandas series.
"""

import asyncio
from datetime import datetime, timedelta

from bot.errors import MlriskError
from bot.risk import (
    ExecutionPriority,
    MLRiskConfigManager,
    MLRiskManager,
    MLTradeExecutionPipeline,
    MLTradeRequest,
    RiskParameters,
    UnifiedRiskManager,
)

ML_PREDICTIONS = {
    "confidence": 0.85,
    "uncertainty": 0.15,
    "ensemble_agreement": 0.9,
    "stability": 0.8,
    "feature_importance_score": 0.6,
}
MARKET_DATA = {
    "volatility": 0.025,
    "volume": 1_000_000,
    "portfolio_value": 100_000,
    "returns": [0.02 if day % 2 else -0.019 for day in range(60)],
}
SIGNAL_DATA = {"side": "buy", "position_size": "1000", "signal_strength": 0.75}


def configuration() -> dict[str, object]:
    """The thresholds of one environment and mode."""
    manager = MLRiskConfigManager(
        config_path="config/ml_risk_config.yaml",
        environment="production",
        trading_mode="conservative",
    )
    return dict(manager.get_config().ml_risk_thresholds.__dict__)


async def decision(thresholds: dict[str, object]) -> MLRiskManager:
    """One trade against an account that lives in this process."""
    account = UnifiedRiskManager(RiskParameters(portfolio_value=100_000))
    manager = MLRiskManager(unified_risk_manager=account, ml_risk_params=thresholds)
    result = await manager.validate_trade(
        symbol="BTCUSDT",
        signal_data=SIGNAL_DATA,
        market_data=MARKET_DATA,
        ml_predictions=ML_PREDICTIONS,
    )
    print(f"approved: {result.is_approved}, size: {result.final_position_size}")
    print(f"blocked by: {[reason.value for reason in result.blocked_reasons]}")
    print(f"risk score: {result.risk_assessment.risk_score}")
    print(f"action: {result.risk_assessment.recommended_action}")
    return manager


async def emergency(manager: MLRiskManager) -> None:
    """After a stop everything is denied."""
    manager.activate_emergency_stop("manual check", override_code="kept-secret")
    result = await manager.validate_trade("BTCUSDT", SIGNAL_DATA, MARKET_DATA, ML_PREDICTIONS)
    print(f"after the stop: {[reason.value for reason in result.blocked_reasons]}")


async def pipeline() -> None:
    """A request through the running system, which decides by its own limits and market."""
    account = UnifiedRiskManager()
    execution_pipeline = MLTradeExecutionPipeline(
        ml_risk_manager=MLRiskManager(unified_risk_manager=account),
        unified_risk_manager=account,
        exchange_client=None,
    )
    trade_request = MLTradeRequest(
        request_id=f"ml_trade_{datetime.now().isoformat()}",  # noqa: DTZ005 - as the original has it
        symbol="BTCUSDT",
        side="buy",
        signal_data=SIGNAL_DATA,
        ml_predictions=ML_PREDICTIONS,
        market_data=MARKET_DATA,
        priority=ExecutionPriority.NORMAL,
        expires_at=datetime.now() + timedelta(minutes=30),  # noqa: DTZ005
    )
    request_id = await execution_pipeline.submit_trade_request(trade_request)
    status = execution_pipeline.get_execution_status(request_id)
    for _ in range(100):
        if status["status"] not in ("pending_validation", "pending_execution"):
            break
        await asyncio.sleep(0.2)
        status = execution_pipeline.get_execution_status(request_id)
    print(f"{request_id}: {status['status']}")
    execution_pipeline.close()


async def main() -> None:
    manager = await decision(configuration())
    await emergency(manager)
    try:
        await pipeline()
    except MlriskError as error:
        print(f"pipeline: {error}")


if __name__ == "__main__":
    asyncio.run(main())
