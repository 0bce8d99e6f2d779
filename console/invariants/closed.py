"""I9: a missing, stale or failed input denies trades that add risk, never trades that reduce it."""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

from bot.risk.limits import RiskLimits
from bot.risk.snapshot import RiskSnapshot
from console.invariants.decoded import inputs_of, is_ours
from console.invariants.evidence import Evidence
from models.enums import CheckStatus, ExposureDelta, Verdict
from models.tables import DecisionRow

_BROKEN = (CheckStatus.FAIL, CheckStatus.UNKNOWN)
_ADDING = (ExposureDelta.ADDS, ExposureDelta.FLIPS)
_REDUCING = (ExposureDelta.REDUCES, ExposureDelta.CLOSES)
_MAY_STOP_A_REDUCTION = frozenset(
    {
        "trading_state",
        "expiry",
        "duplicate_request",
        "reduce_only",
        "instrument",
        "min_qty",
        "feasible_schedule",
    }
)
"""Checks that are not about data, money or the model. The list is here and not in the gate's
registry, so that a check that is put there by mistake is found."""


def i9_unknown_means_no(evidence: Evidence) -> list[str]:
    """Looks at each decision's own checks and, independently, at the gaps in its snapshot."""
    found: list[str] = []
    for row in evidence.decisions():
        exposure = row.decision["exposure"]
        approved = row.verdict != Verdict.DENY
        if approved and not (row.decision["reduce_only"] or exposure in _REDUCING):
            found += [f"decision {row.request_id} {problem}" for problem in _adding(row)]
        if not approved and exposure in _REDUCING:
            found += _denied_reduction(row)
    return found


def _adding(row: DecisionRow) -> Iterator[str]:
    if row.decision["exposure"] not in _ADDING:
        yield "was approved without knowing what it does to the position"
    inputs = inputs_of(row)
    if isinstance(inputs, str):
        if is_ours(row):
            yield "was approved on inputs that can't be read back"
        return
    snapshot, limits = inputs.snapshot, inputs.limits
    yield from _broken_checks(row, limits)
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


def _broken_checks(row: DecisionRow, limits: RiskLimits) -> Iterator[str]:
    """Failed checks that the approval did not obey. A failed cap may shrink a trade to the cap.
    Every other failure must deny."""
    for check in row.decision["checks"]:
        name, cap = check["name"], check.get("cap")
        if check["status"] not in _BROKEN:
            continue
        if check["status"] == CheckStatus.UNKNOWN or cap is None or name in limits.hard_caps:
            yield f"was approved though {name} was {check['status']}"
        elif row.decision["exposure"] == ExposureDelta.ADDS and row.approved_notional > Decimal(
            cap
        ):
            yield f"was approved beyond the {cap} that {name} allows"


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
    return [
        f"decision {row.request_id} denied a trade that only reduces: "
        f"{check['name']} was {check['status']}"
        for check in row.decision["checks"]
        if check["status"] in _BROKEN and check["name"] not in _MAY_STOP_A_REDUCTION
    ]
