"""The load of a stress test: how much of it there is, and its messages.

Most messages are entries that the gate denies for their confidence: each goes the whole way of a
message and trades nothing. The volume is bought in one piece for each order that is to be sent, and
then sold by exits, so that few trades end with the loss of their costs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_UP, Decimal
from math import ceil
from typing import Any

STRATEGY = "stress-drill"
"""The strategy of the trades of a stress test."""
FLOOD = "stress-drill-messages"
"""The strategy of the messages that the gate denies. It is another one, because a strategy whose
confidence falls has its positions closed."""
STRATEGIES = (STRATEGY, FLOOD)
"""What is no trading of anybody."""
MULTIPLE = 2
"""RTS 6, Article 10: the highest numbers of the last six months, times two."""
_MODEL = "stress-drill-1"
_SURE = 0.95
_EXPIRES = timedelta(minutes=5)
_LEAST_PIECE = Decimal(50)
"""A smaller order is below what an exchange takes. Unit: quote currency."""
_ROOM = Decimal("1.1")
"""Entries ask for more than half of the volume, because lots and the gate make them smaller."""
_CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Figures:
    """The most of one minute: messages that came, orders that went out, and volume in quote
    currency."""

    received: int
    sent: int
    volume: Decimal

    def with_most_of(self, other: "Figures") -> "Figures":
        """The larger one of each figure."""
        return Figures(
            max(self.received, other.received),
            max(self.sent, other.sent),
            max(self.volume, other.volume),
        )


DEFAULT = Figures(60, 8, Decimal(5_000))
"""Taken for a figure without a history: a message a second, an order in each 7.5 s, and half of the
largest position of an account of 100,000."""


@dataclass(frozen=True, slots=True)
class Load:
    """What a stress test offers to the system."""

    messages: int
    orders: int
    volume: Decimal
    by_default: tuple[str, ...] = ()
    """The figures that stand in for a missing history."""

    @classmethod
    def of(cls, peak: Figures) -> "Load":
        """Twice the peak. A figure that is zero has no history, and counts as the default."""
        names = ("received", "sent", "volume")
        missing = tuple(name for name in names if not getattr(peak, name))
        used = Figures(
            peak.received or DEFAULT.received,
            peak.sent or DEFAULT.sent,
            peak.volume or DEFAULT.volume,
        )
        return cls(MULTIPLE * used.received, MULTIPLE * used.sent, MULTIPLE * used.volume, missing)

    def less(self, orders: int, volume: Decimal) -> "Load":
        """What is left to trade after so many orders and so much volume."""
        left = max(Decimal(0), self.volume - volume)
        return Load(self.messages, max(1, self.orders - orders), left, self.by_default)

    def entries(self, symbols: Sequence[str]) -> list[tuple[str, Decimal]]:
        """The entries of one round by symbol and notional: at least as many as orders are to be
        sent, and together half of the volume, which the exits trade once more.

        No two are equal, because the gate bounds repeated orders.
        """
        each = max(1, ceil(self.orders / len(symbols)))
        half = self.volume * _ROOM / 2 / len(symbols) / each
        piece = max(half, _LEAST_PIECE).quantize(_CENT, ROUND_UP)
        return [
            (symbol, piece + _CENT * number) for number in range(1, each + 1) for symbol in symbols
        ]


@dataclass(frozen=True, slots=True)
class Messages:
    """The messages of one stress test; `name` begins their ids."""

    name: str

    def entry(self, number: int, symbol: str, notional: Decimal, now: datetime) -> dict[str, Any]:
        """One that the gate approves if its limits and the market allow it."""
        return self._message(f"entry-{number}", symbol, notional, now, _SURE)

    def exit(self, number: int, symbol: str, notional: Decimal, now: datetime) -> dict[str, Any]:
        """One that only reduces."""
        message = self._message(f"exit-{number}", symbol, notional, now, _SURE)
        message["side"] = "sell"
        message["signal_data"]["reduce_only"] = True
        return message

    def denied(self, number: int, symbol: str, now: datetime) -> dict[str, Any]:
        """An entry without confidence."""
        notional = _LEAST_PIECE + _CENT * (number % 100)
        message = self._message(f"denied-{number}", symbol, notional, now, 0.0)
        message["metadata"]["strategy"] = FLOOD
        return message

    def _message(
        self, what: str, symbol: str, notional: Decimal, now: datetime, confidence: float
    ) -> dict[str, Any]:
        at = now.isoformat()
        return {
            "request_id": f"{self.name}-{what}",
            "symbol": symbol,
            "side": "buy",
            "signal_data": {
                "position_size": format(notional.quantize(_CENT, ROUND_UP), "f"),
                "algorithm": "immediate",
            },
            "ml_predictions": {
                "confidence": confidence,
                "uncertainty": 0.05,
                "ensemble_agreement": 0.95,
                "prediction_stability": 0.95,
                "feature_importance": {"load": 0.6, "test": 0.4},
                "member_probabilities": [confidence] * 3,
                "model_version": _MODEL,
                "predicted_at": at,
            },
            "market_data": {},
            "priority": "normal",
            "created_at": at,
            "expires_at": (now + _EXPIRES).isoformat(),
            "metadata": {"strategy": STRATEGY},
        }


def quantile(ordered: Sequence[float], share: float) -> float | None:
    """The value below which this share of the ordered values lies; None without values."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else None
