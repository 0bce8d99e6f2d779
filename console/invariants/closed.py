"""I9: a missing, stale or failed input denies what adds risk, and never what reduces it."""

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import select

from bot.risk.snapshot import RiskSnapshot
from console.invariants.decoded import inputs_of
from console.invariants.evidence import Evidence
from models.enums import CheckStatus, ExposureDelta, TradeBlockReason, Verdict
from models.tables import DecisionRow

_BROKEN = (CheckStatus.FAIL, CheckStatus.UNKNOWN)
_ADDING = (ExposureDelta.ADDS, ExposureDelta.FLIPS)
_REDUCING = (ExposureDelta.REDUCES, ExposureDelta.CLOSES)
_MAY_STOP_A_REDUCTION = frozenset(
    {
        TradeBlockReason.TRADING_STATE,
        TradeBlockReason.EMERGENCY_STOP_ACTIVE,
        TradeBlockReason.INSTRUMENT_FILTER,
        TradeBlockReason.INSTRUMENT_UNKNOWN,
        TradeBlockReason.REQUEST_EXPIRED,
        TradeBlockReason.ORDER_RATE_LIMIT,
        TradeBlockReason.DUPLICATE_REQUEST,
        TradeBlockReason.EXECUTION_INFEASIBLE,
        TradeBlockReason.WOULD_FLIP,
        TradeBlockReason.NOTHING_TO_REDUCE,
        TradeBlockReason.INTERNAL_ERROR,
    }
)
"""Reasons that have nothing to do with data, money or the model."""


def i9_unknown_means_no(evidence: Evidence) -> list[str]:
    """Looks at every decision's own checks and, apart from them, at what its snapshot lacked."""
    found: list[str] = []
    for row in evidence.session.scalars(
        select(DecisionRow).order_by(DecisionRow.decided_at).execution_options(yield_per=500)
    ):
        exposure = row.decision["exposure"]
        approved = row.verdict != Verdict.DENY
        if approved and exposure not in _REDUCING:
            found += [f"decision {row.request_id} {problem}" for problem in _adding(row)]
        if not approved and exposure in _REDUCING:
            found += _denied_reduction(row)
    return found


def _adding(row: DecisionRow) -> Iterator[str]:
    if row.decision["exposure"] not in _ADDING:
        yield "was approved without knowing what it does to the position"
    for check in row.decision["checks"]:
        if check["status"] in _BROKEN:
            yield f"was approved though {check['name']} was {check['status']}"
    inputs = inputs_of(row)
    if isinstance(inputs, str):
        yield "was approved on inputs that can't be read back"
        return
    snapshot, limits = inputs.snapshot, inputs.limits
    yield from _missing(snapshot)
    ages = (
        ("market", snapshot.market and snapshot.market.as_of, limits.max_market_age_seconds),
        (
            "portfolio",
            snapshot.portfolio and snapshot.portfolio.as_of,
            limits.max_portfolio_age_seconds,
        ),
    )
    for what, as_of, limit in ages:
        if isinstance(as_of, datetime) and (age := _age(snapshot, as_of)) > limit:
            yield f"was approved on {what} data {age:.1f} s old (limit {limit:g} s)"


def _missing(snapshot: RiskSnapshot) -> Iterator[str]:
    known = {
        "instrument rules": snapshot.instrument,
        "market data": snapshot.market,
        "a portfolio": snapshot.portfolio,
        "equity": snapshot.portfolio and snapshot.portfolio.equity,
        "a trading state": snapshot.states or None,
    }
    for what, value in known.items():
        if value is None:
            yield f"was approved without {what}"
    yield from (
        f"was approved while {state.scope} was {state.state}"
        for state in snapshot.states
        if not state.state.allows_adding
    )


def _age(snapshot: RiskSnapshot, as_of: datetime) -> float:
    return (snapshot.taken_at - as_of).total_seconds()


def _denied_reduction(row: DecisionRow) -> list[str]:
    reasons = [TradeBlockReason(reason) for reason in row.decision["reasons"]]
    if any(reason in _MAY_STOP_A_REDUCTION for reason in reasons):
        return []
    return [
        f"decision {row.request_id} denied a trade that only reduces: "
        f"{', '.join(reasons) or 'no reason'}"
    ]
