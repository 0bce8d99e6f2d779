"""Parsing: a raw message becomes a trade request, or a typed error that names its fields."""

import hashlib
import json
import math
import secrets
from dataclasses import replace
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from bot.bounded_text import is_too_deep, storable
from bot.errors import BadMessage, FieldError
from bot.execution.algorithms.table import ALGORITHMS
from bot.risk.snapshot import AlgorithmOptions, ClaimsView, ModelView, TradeIntent
from models.backup import BackupPlan, FailureClass
from models.enums import Algorithm
from models.messages import MLTradeRequest, RequestMarketData, SignalData

_MAX_ID = 64
_MAX_ERRORS = 20
_MAX_MESSAGE = 300


def parse_request(raw: object) -> MLTradeRequest:
    """Raises BadMessage with every broken field by its dotted path."""
    if not isinstance(raw, dict):
        raise BadMessage((FieldError("request", "must be a JSON object"),))
    too_deep = [key for key, value in raw.items() if is_too_deep(value)]
    if too_deep:
        raise BadMessage(_bounded([(str(key), "is nested too deep") for key in too_deep]))
    try:
        request = MLTradeRequest.model_validate(raw)
    except ValidationError as error:
        raise _bad(error) from None
    _check_parameters(request.signal_data)
    return request


def _check_parameters(signal: SignalData) -> None:
    """Checks the parameters by the model of the algorithm's module. No exit is refused for them."""
    if signal.reduce_only:
        return
    kind = None if signal.algorithm is None else ALGORITHMS[signal.algorithm].parameters
    at = "signal_data.parameters"
    if kind is None:
        if signal.parameters:
            who = (
                "mlrisk chooses the algorithm, which"
                if signal.algorithm is None
                else (f"algorithm {signal.algorithm.value}")
            )
            raise BadMessage((FieldError(at, f"{who} takes no parameters"),))
        return
    try:
        kind.model_validate(signal.parameters)
    except ValidationError as error:
        raise _bad(error, at) from None


def _bad(error: ValidationError, *within: str) -> BadMessage:
    """Every broken field by its dotted path, within this one."""
    return BadMessage(
        _bounded(
            [
                (".".join(str(part) for part in (*within, *detail["loc"])), detail["msg"])
                for detail in error.errors(include_input=False, include_url=False)
            ]
        )
    )


def _bounded(found: list[tuple[str, str]]) -> tuple[FieldError, ...]:
    """The errors, bounded so that every answer and audit entry can hold them."""
    errors = [
        FieldError(
            storable(field) or "request",
            storable(message.removeprefix("Value error, "), _MAX_MESSAGE),
        )
        for field, message in found[:_MAX_ERRORS]
    ]
    if len(found) > _MAX_ERRORS:
        errors.append(FieldError("request", f"{len(found) - _MAX_ERRORS} more fields are wrong"))
    return tuple(errors)


def payload_of(request: MLTradeRequest) -> dict[str, Any]:
    """The request as stored: plain JSON, money as text."""
    return request.model_dump(mode="json")


def payload_hash(payload: dict[str, Any]) -> str:
    """The SHA-256 of a message's canonical JSON, in hexadecimal."""
    return hashlib.sha256(_canonical(payload).encode()).hexdigest()


def _canonical(document: dict[str, Any]) -> str:
    return json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False)


def to_intent(
    request: MLTradeRequest, account: str, received_at: datetime, *, key: str | None = None
) -> TradeIntent:
    """The request as the gate reads it. Without a time of its own it has the time of its receipt.

    `key` is its row's key where that differs from its id.
    """
    signal, model = request.signal_data, request.ml_predictions
    return TradeIntent(
        request_id=key or request.request_id,
        account=account,
        strategy=request.strategy,
        symbol=request.symbol,
        side=request.side,
        notional=signal.position_size,
        model=ModelView(
            confidence=model.confidence,
            uncertainty=model.uncertainty,
            ensemble_agreement=model.ensemble_agreement,
            prediction_stability=(
                model.stability
                if model.prediction_stability is None
                else model.prediction_stability
            ),
            feature_importance=dict(model.feature_importance),
            member_probabilities=model.member_probabilities,
            model_version=model.model_version,
            predicted_at=model.predicted_at,
            feature_importance_score=model.feature_importance_score,
        ),
        created_at=request.created_at or received_at,
        expires_at=request.expires_at,
        reduce_only=signal.reduce_only,
        priority=request.priority,
        algorithm=signal.algorithm,
        horizon_seconds=signal.horizon_seconds,
        interval_seconds=signal.interval_seconds,
        limit_price=signal.limit_price,
        volume_curve=signal.volume_curve,
        risk_aversion=signal.risk_aversion,
        options=_options(signal),
        stop_price=signal.stop_price,
        claims=_claims(request.market_data),
    )


def bare(intent: TradeIntent) -> TradeIntent:
    """An immediate exit within its own price, without everything that only refines how it is
    worked."""
    return replace(
        intent,
        algorithm=Algorithm.IMMEDIATE,
        horizon_seconds=None,
        interval_seconds=None,
        volume_curve=(),
        risk_aversion=None,
        options=AlgorithmOptions(),
        model=replace(intent.model, feature_importance={}, member_probabilities=()),
        claims=None,
    )


def _claims(market: RequestMarketData) -> ClaimsView | None:
    claims = ClaimsView(
        price=market.price,
        volatility=market.volatility,
        volume_24h=market.volume if market.volume_24h is None else market.volume_24h,
        portfolio_value=market.portfolio_value,
    )
    return None if claims == ClaimsView() else claims


def _options(signal: SignalData) -> AlgorithmOptions:
    random = bool(signal.size_distortion or signal.time_distortion)
    plan = signal.backup_plan
    return AlgorithmOptions(
        start=signal.start,
        size_distortion=signal.size_distortion,
        time_distortion=signal.time_distortion,
        # Stored with the decision, so that a replay plans the same slices.
        seed=secrets.randbits(63) if random else None,
        volume_model=signal.volume_model,
        participation_rate=signal.participation_rate,
        min_participation_rate=signal.min_participation_rate,
        display_notional=signal.display_size,
        improve_after=signal.improve_after,
        cross_margin_seconds=signal.cross_margin_seconds,
        requote_seconds=signal.requote_seconds,
        backup_ladders={} if plan is None else _ladders(plan),
        fallback_algorithm=None if plan is None else plan.fallback_algorithm,
        cancel_on_risk_increase=plan is not None and plan.cancel_on_risk_increase,
        parameters=_canonical(signal.parameters) if signal.parameters else "",
    )


def _ladders(plan: BackupPlan) -> dict[str, tuple[str, ...]]:
    declared = {failure: plan.steps_of(failure) for failure in FailureClass}
    return {
        failure.value: tuple(step.value for step in steps)
        for failure, steps in declared.items()
        if steps is not None
    }


def claimed_request_id(raw: object) -> str:
    """The message's own id, bounded, as the audit entry's subject."""
    if isinstance(raw, dict):
        value = raw.get("request_id")
        if isinstance(value, str) and value:
            return storable(value[:_MAX_ID], _MAX_ID)[:_MAX_ID]
        if isinstance(value, float) and not math.isfinite(value):
            return "not-a-number"
    return "unreadable"
