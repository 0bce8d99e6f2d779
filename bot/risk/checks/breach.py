"""Synthetic breaches: one trade with all that the gate reads, and one fact of it beyond a limit."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from bot.risk.exposure import FLOOR
from bot.risk.limits import RiskLimits
from bot.risk.snapshot import PositionView, RiskSnapshot, ScopeState, TradeIntent
from models.enums import TradingState

NOW = datetime(2025, 1, 1, 12, 0, tzinfo=UTC)
SYMBOL = "SELFUSDT"
EQUITY = Decimal(100_000_000)
BID, ASK = Decimal("99.9999"), Decimal("100.0001")
MID = Decimal(100)
STEP = Decimal("0.000001")
HAIR = Decimal("1.05")
"""Five per cent beyond a limit: clear of rounding, and still isolated from looser limits."""


@dataclass(frozen=True, slots=True)
class Case:
    """One trade with everything that the gate reads."""

    intent: TradeIntent
    snapshot: RiskSnapshot

    @property
    def notional(self) -> Decimal:
        """The trade's size in quote currency."""
        return self.intent.notional

    @property
    def held(self) -> Decimal:
        """The signed quantity of the first position."""
        assert self.snapshot.portfolio is not None
        return self.snapshot.portfolio.positions[0].qty

    def intending(self, **changes: Any) -> "Case":
        """The same with other fields of the intent."""
        return replace(self, intent=replace(self.intent, **changes))

    def predicting(self, **changes: Any) -> "Case":
        """The same with other fields of the model's view."""
        return self.intending(model=replace(self.intent.model, **changes))

    def seeing(self, **changes: Any) -> "Case":
        """The same with other fields of the snapshot."""
        return replace(self, snapshot=replace(self.snapshot, **changes))

    def trading(self, **changes: Any) -> "Case":
        """The same with other fields of the market."""
        assert self.snapshot.market is not None
        return self.seeing(market=replace(self.snapshot.market, **changes))

    def ruled(self, **changes: Any) -> "Case":
        """The same with other trading rules of the instrument."""
        assert self.snapshot.instrument is not None
        return self.seeing(instrument=replace(self.snapshot.instrument, **changes))

    def owning(self, **changes: Any) -> "Case":
        """The same with other fields of the portfolio."""
        assert self.snapshot.portfolio is not None
        return self.seeing(portfolio=replace(self.snapshot.portfolio, **changes))

    def holding(self, *held: tuple[str, Decimal], correlation: float = 0.0) -> "Case":
        """Positions by symbol and signed notional, all with one correlation."""
        positions = tuple(
            PositionView(symbol, FLOOR.divide(notional, MID), MID) for symbol, notional in held
        )
        return self.owning(positions=positions).seeing(
            correlations={symbol: correlation for symbol, _ in held}
        )

    def in_state(self, state: TradingState) -> "Case":
        """The same while trading is in this state everywhere."""
        return self.seeing(states=(ScopeState("global:*", state, "self-test"),))


Breach = Callable[[Case, RiskLimits], Case | None]
"""Turns a sound trade into one that the check must not let pass; None where the limit can't
bind."""


class ExitBreach(NamedTuple):
    """How an exit breaks a check on exits, and the part that may close nevertheless."""

    make: Callable[[Case], Case]
    left: Decimal = Decimal(0)
    """The share of the position that may still close."""


def before(seconds: float) -> datetime:
    """The moment so many seconds before the synthetic trade."""
    return NOW - timedelta(seconds=seconds)
