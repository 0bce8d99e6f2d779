"""The risk gate: pure decisions on frozen snapshots, and the original interface's names for them.

Names are imported when they are first used, so that a worker that only needs the snapshot does not
load the configuration, and the gate never loads a database or a broker.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bot.risk.gate import evaluate
    from bot.risk.limits import RiskLimits, limits_from_config
    from bot.risk.manager.account import UnifiedRiskManager
    from bot.risk.manager.manager import MLRiskManager
    from bot.risk.manager.results import MLTradeRisk, TradeValidationResult
    from bot.risk.portfolio.kinds import (
        AlertLevel,
        LotOrder,
        MarketRegime,
        PositionSizeMethod,
        RiskLevel,
    )
    from bot.risk.portfolio.parameters import RiskParameters
    from bot.risk.portfolio.results import PortfolioRiskMetrics, PositionRisk
    from bot.risk.portfolio.tax import TaxLots
    from config.thresholds import MLRiskConfig, MLRiskConfigManager
    from models.enums import (
        CircuitBreakerType,
        ExecutionPriority,
        ExecutionStatus,
        MLRiskLevel,
        TradeBlockReason,
    )
    from models.messages import MLTradeRequest

_HOMES = {
    "evaluate": "bot.risk.gate",
    "RiskLimits": "bot.risk.limits",
    "limits_from_config": "bot.risk.limits",
    "UnifiedRiskManager": "bot.risk.manager.account",
    "RiskParameters": "bot.risk.portfolio.parameters",
    "PositionSizeMethod": "bot.risk.portfolio.kinds",
    "MarketRegime": "bot.risk.portfolio.kinds",
    "RiskLevel": "bot.risk.portfolio.kinds",
    "AlertLevel": "bot.risk.portfolio.kinds",
    "LotOrder": "bot.risk.portfolio.kinds",
    "PositionRisk": "bot.risk.portfolio.results",
    "PortfolioRiskMetrics": "bot.risk.portfolio.results",
    "TaxLots": "bot.risk.portfolio.tax",
    "MLRiskManager": "bot.risk.manager.manager",
    "TradeValidationResult": "bot.risk.manager.results",
    "MLTradeRisk": "bot.risk.manager.results",
    "MLRiskConfig": "config.thresholds",
    "MLRiskConfigManager": "config.thresholds",
    "MLTradeRequest": "models.messages",
    "MLRiskLevel": "models.enums",
    "TradeBlockReason": "models.enums",
    "CircuitBreakerType": "models.enums",
    "ExecutionPriority": "models.enums",
    "ExecutionStatus": "models.enums",
    # Needs the running system: named as text, so that the gate itself never depends on it.
    "MLTradeExecutionPipeline": "bot.client",
}

__all__ = [
    "AlertLevel",
    "CircuitBreakerType",
    "ExecutionPriority",
    "ExecutionStatus",
    "LotOrder",
    "MLRiskConfig",
    "MLRiskConfigManager",
    "MLRiskLevel",
    "MLRiskManager",
    "MLTradeRequest",
    "MLTradeRisk",
    "MarketRegime",
    "PortfolioRiskMetrics",
    "PositionRisk",
    "PositionSizeMethod",
    "RiskLevel",
    "RiskLimits",
    "RiskParameters",
    "TaxLots",
    "TradeBlockReason",
    "TradeValidationResult",
    "UnifiedRiskManager",
    "evaluate",
    "limits_from_config",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
