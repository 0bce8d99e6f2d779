"""Correlated exposure: the part of the book that moves with a trade, in its direction."""

from bot.risk.exposure import NOBODY, Crowd, Exposure
from bot.risk.snapshot import RiskSnapshot
from models.amounts import ZERO


def crowd(exposure: Exposure, snapshot: RiskSnapshot, threshold: float) -> Crowd:
    """Sum the other symbols' exposure whose directional correlation reaches the threshold.

    A long elsewhere with correlation 0.9 crowds a buy, a short with -0.9 does too. Hedges are not
    credited and an unknown correlation counts as full, so less knowledge never allows more.
    """
    if not exposure.others:
        return NOBODY
    known = exposure.crowds.get(threshold)
    if known is not None:
        return known
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
    names = ", ".join(sorted(assumed)) if assumed else None
    found = exposure.crowds[threshold] = Crowd(total, len(symbols), names)
    return found
