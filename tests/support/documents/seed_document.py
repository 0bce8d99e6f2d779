"""The code of the user's document, letter by letter, and a notebook's cell to run it in."""

from datetime import datetime, timedelta
from decimal import Decimal
from textwrap import indent
from typing import Any

from bot.risk import ExecutionPriority, MLTradeRequest

# "Implementation Guide, 1. Basic Setup".
BASIC_SETUP = """
from bot.risk import (
    UnifiedRiskManager, RiskParameters,
    MLRiskManager, MLTradeExecutionPipeline,
    MLRiskConfigManager
)

# Initialize configuration
ml_risk_config = MLRiskConfigManager(
    config_path="config/ml_risk_config.yaml",
    environment="production",
    trading_mode="conservative"
)

# Initialize unified risk manager
risk_params = RiskParameters(
    max_portfolio_risk=Decimal('0.02'),
    enable_tax_optimization=True
)
unified_risk_manager = UnifiedRiskManager(risk_params)

# Initialize ML risk manager
ml_risk_manager = MLRiskManager(
    unified_risk_manager=unified_risk_manager,
    ml_risk_params=ml_risk_config.get_config().ml_risk_thresholds.__dict__
)

# Initialize execution pipeline
execution_pipeline = MLTradeExecutionPipeline(
    ml_risk_manager=ml_risk_manager,
    unified_risk_manager=unified_risk_manager,
    exchange_client=bybit_client
)
"""

# "Implementation Guide, 2. Trade Validation".
TRADE_VALIDATION = """
# Validate trade before execution
validation_result = await ml_risk_manager.validate_trade(
    symbol='BTCUSDT',
    signal_data={
        'side': 'buy',
        'position_size': '1000',
        'signal_strength': 0.75
    },
    market_data={
        'volatility': 0.025,
        'volume': 1000000,
        'portfolio_value': 100000,
        'returns': price_returns_series
    },
    ml_predictions={
        'confidence': 0.72,
        'uncertainty': 0.25,
        'ensemble_agreement': 0.8,
        'stability': 0.7,
        'feature_importance_score': 0.6
    }
)

if validation_result.is_approved:
    # Proceed with trade execution
    final_size = validation_result.final_position_size
    risk_level = validation_result.risk_assessment.overall_ml_risk

    print(f"Trade approved: size={final_size}, risk={risk_level.value}")
else:
    # Trade was blocked
    blocked_reasons = validation_result.blocked_reasons
    print(f"Trade blocked: {[r.value for r in blocked_reasons]}")
"""

# "Implementation Guide, 3. Trade Execution".
TRADE_EXECUTION = """
# Create trade request
trade_request = MLTradeRequest(
    request_id=f"ml_trade_{datetime.now().isoformat()}",
    symbol='BTCUSDT',
    side='buy',
    signal_data=signal_data,
    ml_predictions=ml_predictions,
    market_data=market_data,
    priority=ExecutionPriority.NORMAL,
    expires_at=datetime.now() + timedelta(minutes=30)
)

# Submit for execution
request_id = await execution_pipeline.submit_trade_request(trade_request)

# Monitor execution
status = execution_pipeline.get_execution_status(request_id)
"""
HIGH_SCORES = {
    "'confidence': 0.72": "'confidence': 0.95",
    "'uncertainty': 0.25": "'uncertainty': 0.05",
    "'ensemble_agreement': 0.8": "'ensemble_agreement': 0.95",
    "'stability': 0.7": "'stability': 0.95",
    "'feature_importance_score': 0.6": "'feature_importance_score': 0.9",
}
RETURNS = [0.02 if i % 2 else -0.019 for i in range(60)]


async def in_a_notebook(code: str, **names: Any) -> dict[str, Any]:
    """Run a cell as a notebook does: await at the top, names kept."""
    body = f"async def cell():\n{indent(code, '    ')}\n    return locals()\n"
    scope: dict[str, Any] = {
        "Decimal": Decimal,
        "datetime": datetime,
        "timedelta": timedelta,
        "ExecutionPriority": ExecutionPriority,
        "MLTradeRequest": MLTradeRequest,
        "bybit_client": None,
        **names,
    }
    exec(body, scope)
    return {**names, **await scope["cell"]()}
