"""Compares a strategy's own figures of market and portfolio with known ones: reported, never
decided on."""

from decimal import Decimal
from math import isfinite

from bot.risk.checks.outcome import passed, unknown
from bot.risk.decision import CheckResult
from bot.risk.limits import RiskLimits
from bot.risk.rule import Rule, Sense, number_text
from bot.risk.snapshot import ClaimsView, RiskSnapshot
from models.enums import TradeBlockReason

CLAIMS = Rule(
    "claims",
    TradeBlockReason.DATA_MISSING,
    "what the strategy says of market and portfolio",
    Sense.IS,
)


def compare(
    claims: ClaimsView | None, snapshot: RiskSnapshot, limits: RiskLimits
) -> CheckResult | None:
    """A result without effect on the verdict; None when no figure is far from the known one."""
    if claims is None:
        return None
    try:
        found = _differences(claims, snapshot, limits.max_claim_deviation)
    except Exception as error:  # noqa: BLE001 - information: a fault here denies nothing
        return unknown(CLAIMS, f"{type(error).__name__}: {error}")
    return passed(CLAIMS, "differs", None, detail="; ".join(found)) if found else None


def _differences(claims: ClaimsView, snapshot: RiskSnapshot, most: float) -> list[str]:
    market, portfolio = snapshot.market, snapshot.portfolio
    pairs: list[tuple[str, Decimal | float | None, Decimal | float | None]] = []
    if portfolio is not None:
        pairs.append(("the portfolio's value", claims.portfolio_value, portfolio.equity))
    if market is not None:
        pairs += [
            ("the price", claims.price, market.mark or market.last or market.bid),
            ("the volatility", claims.volatility, market.volatility),
            ("the volume of 24 hours", claims.volume_24h, market.volume_24h),
        ]
    return [
        f"{name} is {number_text(ours)} by our view, {number_text(said)} by the strategy's"
        for name, said, ours in pairs
        if said is not None and ours is not None and _apart(float(said), float(ours)) > most
    ]


def _apart(said: float, ours: float) -> float:
    """The distance as a share of our own figure; infinite when that is zero or unreadable."""
    return abs(said - ours) / abs(ours) if ours and isfinite(ours) else float("inf")
