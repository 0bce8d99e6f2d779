"""The words for numbers, times and states on the screen."""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal

from models.amounts import shortest
from models.enums import TradingState

SPARKS = "▁▂▃▄▅▆▇█"
STATE_STYLES = {
    TradingState.ACTIVE: "bold green",
    TradingState.RECOVERING: "bold yellow",
    TradingState.REDUCING: "bold yellow",
    TradingState.FLAT: "bold red",
    TradingState.HALTED: "bold white on red",
    TradingState.FLATTENING: "bold white on red",
}
VERDICT_STYLES = {"allow": "green", "shrink": "yellow", "deny": "red"}
_CENT = Decimal("0.01")
NOTHING = Decimal(0)
_SIX_DIGITS = Context(prec=6)


def money(value: Decimal | None, *, signed: bool = False) -> str:
    """Two decimals with thousands marks; a dash for an unknown number."""
    if value is None:
        return "–"
    rounded = value.quantize(_CENT, ROUND_HALF_EVEN)
    return f"{rounded:+,.2f}" if signed else f"{rounded:,.2f}"


def amount(value: Decimal) -> str:
    """The number in plain digits, without an exponent."""
    return shortest(value)


def price(value: Decimal) -> str:
    """Six significant digits without exponent: enough to tell ticks apart, and it fits."""
    return shortest(_SIX_DIGITS.plus(value))


def clock(moment: datetime) -> str:
    """The time of day in UTC, to the second."""
    return moment.astimezone(UTC).strftime("%H:%M:%S")


def seconds(value: float | None) -> str:
    """A duration that fits six columns."""
    if value is None:
        return "–"
    if value < 10:
        return f"{value:.1f} s"
    if value < 600:
        return f"{value:.0f} s"
    if value < 36_000:
        return f"{value / 60:.0f} min"
    return f"{value / 3600:.0f} h"


def milliseconds(value: float | None) -> str:
    """A duration in ms, or in s from ten seconds on; a dash for None."""
    if value is None:
        return "–"
    return f"{value:.0f} ms" if abs(value) < 10_000 else f"{value / 1000:.0f} s"


def short_id(request_id: str, width: int = 12) -> str:
    """The end of an id tells requests apart; its beginning is often a common prefix."""
    return request_id if len(request_id) <= width else f"…{request_id[-(width - 1) :]}"


def sparkline(values: Sequence[Decimal], width: int) -> str:
    """One character for each value, the newest last."""
    shown = list(values)[-width:] if width > 0 else []
    if not shown:
        return ""
    low, high = min(shown), max(shown)
    if low == high:
        return SPARKS[3] * len(shown)
    top = len(SPARKS) - 1
    return "".join(SPARKS[int((value - low) / (high - low) * top)] for value in shown)


def bar(share: float, width: int = 8) -> str:
    """A bar that shows how full a limit is."""
    filled = max(0, min(width, round(share * width)))
    return "█" * filled + "░" * (width - filled)
