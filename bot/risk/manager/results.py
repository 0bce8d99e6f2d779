"""Answers of the original interface."""

from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Self

from bot.risk import alerts
from bot.risk.breakers.conditions import Trip
from bot.risk.decision import Decision
from bot.risk.portfolio.kinds import AlertLevel
from bot.risk.portfolio.tax import ExitTax
from models.enums import CircuitBreakerType, MLRiskLevel, TradeBlockReason, TradingState

IN_MEMORY = "in memory: this process alone knows it, and it ends with the process"


class Awaitable:
    """A finished result that may also be awaited, as the original interface's callers do."""

    def __await__(self) -> Generator[None, None, Self]:
        yield from ()
        return self


@dataclass(frozen=True)
class MLTradeRisk:
    """The assessment of one trade; scores and risks are shares in [0, 1], higher is riskier."""

    symbol: str
    ml_confidence: float | None
    model_uncertainty: float | None
    prediction_stability: float | None
    ensemble_agreement: float | None
    feature_importance_score: float | None
    market_regime_risk: float
    execution_risk: float
    portfolio_impact_risk: float
    overall_ml_risk: MLRiskLevel
    risk_score: float
    confidence_adjusted_size: Decimal
    recommended_action: str
    """execute, reduce_size, reject or emergency_stop."""
    risk_factors: list[str]
    explanation: str
    timestamp: datetime


@dataclass(frozen=True)
class TradeValidationResult:
    """The public face of a decision. `final_position_size` is a notional in quote currency."""

    is_approved: bool
    final_position_size: Decimal
    risk_assessment: MLTradeRisk
    blocked_reasons: list[TradeBlockReason]
    warnings: list[str]
    execution_params: dict[str, Any]
    validation_timestamp: datetime
    decision: Decision = field(repr=False)
    state_kept: str = IN_MEMORY
    tax: ExitTax | None = None
    """Estimated tax of the closed part, by lot; no tax advice."""

    @property
    def alert_level(self) -> AlertLevel:
        """How loud the answer is, by its verdict and the overall level of risk."""
        return alerts.of_decision(self.decision.verdict, self.risk_assessment.overall_ml_risk)


@dataclass(frozen=True)
class EmergencyStopResult(Awaitable):
    """The effect of an emergency stop or its release."""

    state: TradingState
    changed: bool
    reason: str
    at: datetime
    warning: str | None = None
    state_kept: str = IN_MEMORY

    @property
    def active(self) -> bool:
        """Whether the stop holds: the trading state lets nothing add risk."""
        return not self.state.allows_adding

    @property
    def alert_level(self) -> AlertLevel:
        """Critical for an activation; information for a release or no change."""
        return AlertLevel.CRITICAL if self.changed and self.active else AlertLevel.INFO

    def __bool__(self) -> bool:
        return self.active


class BreakersResult(Awaitable, list[CircuitBreakerType]):
    """The breakers that a look at the market tripped, as a list; may be awaited or not."""

    def __init__(
        self, tripped: Mapping[CircuitBreakerType, Trip], latched: Iterable[CircuitBreakerType]
    ) -> None:
        super().__init__(tripped)
        self.reasons = {kind: trip.reason for kind, trip in tripped.items()}
        self.latched = tuple(latched)
        """Every breaker that is tripped now, newly or from before."""
        others = len(self.latched) - 1
        self.alert_level = alerts.loudest(
            alerts.of_breaker(kind, others=others, value=trip.value, limit=trip.limit)
            for kind, trip in tripped.items()
        )
