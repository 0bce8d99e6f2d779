"""How much of the book moves with a trade: correlated exposure elsewhere, in its direction."""

from dataclasses import dataclass
from decimal import Decimal

from bot.risk.book import ZERO
from bot.risk.exposure import Exposure
from bot.risk.snapshot import RiskSnapshot


@dataclass(frozen=True, slots=True)
class Crowd:
    """Exposure that wins and loses with this trade."""

    notional: Decimal
    symbols: int
    assumed: str | None = None
    """Symbols whose correlation is not known, and therefore counts as full."""


_NOBODY = Crowd(ZERO, 0)


def crowd(exposure: Exposure, snapshot: RiskSnapshot, threshold: float) -> Crowd:
    """Sum the other symbols' exposure whose directional correlation reaches the threshold.

    A long elsewhere with correlation 0.9 crowds a buy, a short with -0.9 does too. Hedges are not
    credited and an unknown correlation counts as full, so less knowledge never allows more.
    """
    if not exposure.others:
        return _NOBODY
    total, symbols, assumed = ZERO, set(), set()
    for symbol, notional in exposure.others:
        if not notional:
            continue
        correlation = snapshot.correlations.get(symbol)
        if correlation is None or not -1.0 <= correlation <= 1.0:
            assumed.add(symbol)
        elif (correlation if notional > ZERO else -correlation) < threshold:
            continue
        total += abs(notional)
        symbols.add(symbol)
    return Crowd(total, len(symbols), ", ".join(sorted(assumed)) or None)
