"""MLRiskManager: the gate of the original interface for notebooks, with its state in memory."""

from collections.abc import Mapping
from datetime import datetime
from itertools import count
from math import isfinite, nan
from typing import Any
from uuid import uuid4

from bot.authority.override import OverrideCode
from bot.clock import Clock
from bot.errors import BadMessage, NotAuthorised
from bot.risk.breakers.conditions import Readings, Trip, trips
from bot.risk.checks.registry import CHECKS
from bot.risk.decision import Decision
from bot.risk.gate import evaluate
from bot.risk.limits import RiskLimits
from bot.risk.manager.account import UnifiedRiskManager
from bot.risk.manager.assessment import assess
from bot.risk.manager.fields import refused
from bot.risk.manager.inputs import Read, read
from bot.risk.manager.limits import MLRiskParams, breaker_limits_of, limits_of, needs_code
from bot.risk.manager.results import (
    IN_MEMORY,
    BreakersResult,
    EmergencyStopResult,
    TradeValidationResult,
)
from bot.risk.manager.system import SystemRecovery
from bot.risk.portfolio.tax import ExitTax
from bot.risk.snapshot import BreakerView, RiskSnapshot, ScopeState
from bot.risk.transitions import change, emergency_stop
from models.enums import CircuitBreakerType, TradingState

_LADDER = (0.10, 0.25, 0.50, 1.0)
"""Steps of a half-open recovery."""
_USUAL_DECAY = 0.94
"""RiskMetrics' decay for a symbol's usual volatility."""

_NO_CODE = (
    "nothing was stopped: a manual emergency stop needs a code. Choose one, keep it secret, and "
    "pass it as override_code; the same code releases the stop. Without a code: "
    "manual_override=False for an automatic stop, or `mlrisk halt` for the running system"
)


class MLRiskManager:
    """Validates trades by the same gate as the running system; its state is neither shared nor
    kept.

    Not safe for threads; one event loop may use it. Methods other than `validate_trade` act at
    once, and their results may be awaited or not.
    """

    def __init__(
        self,
        unified_risk_manager: UnifiedRiskManager | None = None,
        ml_risk_params: MLRiskParams = None,
        *,
        clock: Clock | None = None,
    ) -> None:
        self.account = unified_risk_manager or UnifiedRiskManager()
        self.clock = clock or self.account.clock
        self.limits = limits_of(ml_risk_params, self.account)
        self._breaker_limits = breaker_limits_of(ml_risk_params, self.limits)
        self._needs_code = needs_code(ml_risk_params)
        self._state = TradingState.ACTIVE
        self._state_reason = ""
        self._step = len(_LADDER) - 1
        self._breakers: dict[CircuitBreakerType, Trip] = {}
        self._usual_volatility: dict[str, float] = {}
        self._lock: OverrideCode | None = None
        self._system: SystemRecovery | None = None
        self._outcomes: list[bool] = []
        self._executions: list[bool] = []
        self._run, self._numbers = uuid4().hex[:8], count(1)

    @property
    def trading_state(self) -> TradingState:
        """The trading state of this manager alone, as its last acts left it."""
        return self._state

    def belong_to(self, system: SystemRecovery) -> None:
        """Ties the end of an emergency stop to a running system; `MLTradeExecutionPipeline` does
        so with the manager that it is given."""
        self._system = system

    async def validate_trade(
        self,
        symbol: str,
        signal_data: Mapping[str, Any],
        market_data: Mapping[str, Any],
        ml_predictions: Mapping[str, Any],
    ) -> TradeValidationResult:
        """Decides one trade. Raises BadMessage with every unreadable field.

        `signal_data` has `position_size` (notional) and `side`; `market_data` has `volatility` (of
        daily log returns) or daily `returns` (list, numpy array or pandas series), and `price` or
        `bid` and `ask`. Checks whose market data is not given are not asked, and the warnings name
        them; the running system asks all of them. `portfolio_value` counts only while the account
        does not know its own.
        """
        given = read(
            symbol,
            signal_data,
            market_data,
            ml_predictions,
            request_id=f"memory-{self._run}-{next(self._numbers)}",
            now=self.clock.now(),
            limits=self.limits,
            usual_volatility=self._usual_volatility.get(symbol),
            known_price=self.account.mark_of(symbol),
        )
        self._take_value(given)
        if given.market.last is not None:
            self.account.mark({symbol: given.market.last})
        rows = tuple(row for row in CHECKS if row.rule.name not in given.not_asked)
        decision = evaluate(given.intent, self._snapshot(given), self.limits, rows)
        self._learn(symbol, given.market.volatility)
        if decision.approved:
            self.account.note_order()
        return self._result(given, decision)

    def activate_emergency_stop(
        self, reason: str, manual_override: bool = True, override_code: str | None = None
    ) -> EmergencyStopResult:
        """Denies everything from now on. With a code, only the same code releases it again.

        A person needs a code, except in an environment that is known to be development; an
        automatic stop (`manual_override=False`) never does. Raises NotAuthorised without. A manager
        of a running system needs none: the system says what ends the stop.
        """
        transition = emergency_stop(self._state)
        needs_code = self._needs_code and self._system is None
        if transition.changes and manual_override and needs_code and not override_code:
            raise NotAuthorised(_NO_CODE)
        who = "a person" if manual_override else "the system"
        if override_code and self._lock is None:
            self._lock = OverrideCode.of(override_code)
        if transition.changes:
            self._state, self._state_reason = transition.after, f"{who}: {reason}"
        return EmergencyStopResult(
            self._state, transition.changes, self._state_reason, self._now(), transition.warning
        )

    def release_emergency_stop(
        self, reason: str, override_code: str | None = None, *, operator: object | None = None
    ) -> EmergencyStopResult:
        """Ends the stop: sizes start at a tenth and grow by `advance_recovery`.

        A manager of a running system ends it as `mlrisk recover` does, for the system as well.
        Where that takes authority, `operator` is one after a login, and the code is one of his
        (`mlrisk codes create`). While a second person has to confirm, the stop stays, and the
        warning says so; call again afterwards. Elsewhere the code is that of the stop.
        Raises NotAuthorised.
        """
        if self._state.allows_reducing:
            warning = f"nothing is stopped: the state is {self._state}"
            return EmergencyStopResult(self._state, False, self._state_reason, self._now(), warning)
        waits = self._recover_system(reason, override_code, operator)
        if waits is not None:
            return EmergencyStopResult(self._state, False, self._state_reason, self._now(), waits)
        transition = change(self._state, TradingState.RECOVERING, authorised=True)
        if transition.changes:
            self._state, self._state_reason, self._step = transition.after, reason, 0
            self._lock = None
        return EmergencyStopResult(
            self._state,
            transition.changes,
            self._state_reason,
            self._now(),
            transition.warning or transition.refused,
        )

    def _recover_system(
        self, reason: str, override_code: str | None, operator: object | None
    ) -> str | None:
        """Proves the authority for the end of a stop; returns why the end has to wait."""
        system = self._system
        if system is not None and system.needs_code():
            return system.recover(reason, override_code, operator)
        if self._lock is not None and not (override_code and self._lock.is_of(override_code)):
            raise NotAuthorised("the emergency stop is released only by the code it was set with")
        return None if system is None else system.recover(reason, None, operator)

    def advance_recovery(self, reason: str) -> float:
        """Takes the next step of the recovery; returns the allowed share of size."""
        if self._state is TradingState.RECOVERING:
            self._step = min(self._step + 1, len(_LADDER) - 1)
            if self._step == len(_LADDER) - 1:
                done = change(self._state, TradingState.ACTIVE, authorised=True)
                self._state, self._state_reason = done.after, reason
        return _LADDER[self._step]

    def check_and_trigger_circuit_breakers(self, market_data: Mapping[str, Any]) -> BreakersResult:
        """Trips every breaker for which the market and this account's results give a reason.

        A reading that is no finite number trips the breaker of data quality. Raises BadMessage for
        an unknown reading.
        """
        if unknown := refused("market_data", market_data):
            raise BadMessage(tuple(unknown))
        newly = {
            trip.kind: trip
            for trip in trips(self._readings(market_data), self._breaker_limits)
            if trip.kind not in self._breakers
        }
        self._breakers.update(newly)
        return BreakersResult(newly, self._breakers)

    def reset_circuit_breaker(self, kind: CircuitBreakerType, reason: str) -> None:
        """Resets a breaker by hand. Raises ValueError without a reason."""
        if not reason.strip():
            raise ValueError("resetting a breaker needs a reason")
        self._breakers.pop(CircuitBreakerType(kind), None)

    def record_prediction_outcome(self, *, correct: bool) -> None:
        """Feeds the model-performance breaker."""
        self._outcomes = [*self._outcomes[-199:], correct]

    def record_execution(self, *, succeeded: bool) -> None:
        """Feeds the execution-failure breaker."""
        self._executions = [*self._executions[-99:], succeeded]

    def _take_value(self, given: Read) -> None:
        """Takes the strategy's figure of the portfolio if the account has none of its own."""
        if given.portfolio_value is not None:
            doubt = self.account.claim_value(given.portfolio_value, self.limits.max_claim_deviation)
            if doubt is not None:
                given.warnings.append(doubt)
        elif self.account.value_assumed:
            given.warnings.append(f"no portfolio value is known: {self.account.equity:f} assumed")

    def _snapshot(self, given: Read) -> RiskSnapshot:
        # The portfolio's time is read first, so that nothing is younger than the snapshot.
        portfolio = self.account.view()
        return RiskSnapshot(
            taken_at=self._now(),
            instrument=given.instrument,
            market=given.market,
            portfolio=portfolio,
            states=(ScopeState("this process", self._state, self._state_reason),),
            breakers=tuple(
                BreakerView(kind, "this process", trip.reason)
                for kind, trip in self._breakers.items()
            ),
            recovery_share=_LADDER[self._step],
        )

    def _result(self, given: Read, decision: Decision) -> TradeValidationResult:
        tax = self._tax(given, decision)
        sentences = [] if tax is None else [tax.sentence]
        return TradeValidationResult(
            is_approved=decision.approved,
            final_position_size=decision.approved_notional,
            risk_assessment=assess(given.intent, decision),
            blocked_reasons=list(decision.reasons) if not decision.approved else [],
            warnings=[f"state is kept {IN_MEMORY}", *given.warnings, *sentences],
            execution_params=_execution_params(given, decision, self.limits),
            validation_timestamp=decision.decided_at,
            decision=decision,
            tax=tax,
        )

    def _tax(self, given: Read, decision: Decision) -> ExitTax | None:
        """The estimated tax of the closing part; information that no check reads."""
        price = decision.reference_price
        if not decision.approved or price is None:
            return None
        return self.account.exit_tax(
            given.intent.symbol, given.intent.side, decision.approved_qty, price
        )

    def _readings(self, market_data: Mapping[str, Any]) -> Readings:
        ratio = _number(market_data, "volatility_ratio")
        volatility = _number(market_data, "volatility")
        baseline = _number(market_data, "volatility_baseline")
        symbol = market_data.get("symbol")
        if baseline is None and symbol is not None:
            baseline = self._usual_volatility.get(str(symbol))
        if ratio is None and volatility is not None:
            if not isfinite(volatility):
                ratio = volatility
            elif baseline:
                ratio = volatility / baseline
        return Readings(
            daily_loss=float(self.account.daily_loss_share),
            volatility_ratio=ratio,
            hit_rate=sum(self._outcomes) / len(self._outcomes) if self._outcomes else None,
            outcomes=len(self._outcomes),
            correlation_shift=_number(market_data, "correlation_shift"),
            failures=sum(not succeeded for succeeded in self._executions),
            executions=len(self._executions),
            data_age_seconds=_number(market_data, "data_age_seconds"),
            data_problem=market_data.get("data_problem"),
        )

    def _learn(self, symbol: str, volatility: float | None) -> None:
        """The usual volatility of a symbol, an exponential mean of its readings."""
        if volatility is None or not 0.0 < volatility < 1e9:
            return
        usual = self._usual_volatility.get(symbol, volatility)
        self._usual_volatility[symbol] = _USUAL_DECAY * usual + (1 - _USUAL_DECAY) * volatility

    def _now(self) -> datetime:
        return self.clock.now()


def _execution_params(given: Read, decision: Decision, limits: RiskLimits) -> dict[str, Any]:
    if not decision.approved:
        return {}
    return {
        "side": given.intent.side.value,
        "quantity": decision.approved_qty,
        "reference_price": decision.reference_price,
        "reduce_only": decision.reduce_only,
        "order_type": "limit",
        "time_in_force": "IOC",
        "max_slippage_bps": limits.max_slippage_bps,
    }


def _number(source: Mapping[str, Any], key: str) -> float | None:
    """The number of a reading; NaN for anything else, which trips as unreadable."""
    value = source.get(key)
    try:
        return None if value is None else float(value)
    except (TypeError, ValueError, OverflowError):
        return nan
