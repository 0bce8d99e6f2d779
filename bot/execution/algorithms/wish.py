"""What an algorithm reads of a trade and of its market.

The gate's records have these attributes; it counts children by the algorithms, so that they can't
import it.
"""

from decimal import Decimal
from typing import Protocol

from models.enums import TradeSide


class Options(Protocol):
    """What an algorithm reads of the options of a trade (`bot.risk.snapshot.AlgorithmOptions`)."""

    @property
    def start(self) -> str:
        """`at_once` or `mid_slot`: where in its slot a TWAP's slice is due."""

    @property
    def size_distortion(self) -> float:
        """The share by which children vary in size, from 0 to under 1."""

    @property
    def time_distortion(self) -> float:
        """The share of the interval by which slices move, from 0 to 0.5."""

    @property
    def seed(self) -> int | None:
        """What the distortions are drawn from."""

    @property
    def volume_model(self) -> str | None:
        """The name of a trained volume model; None: none steers the trade."""

    @property
    def participation_rate(self) -> float | None:
        """The most of the traded volume that is ours, from 0 to 1."""

    @property
    def min_participation_rate(self) -> float | None:
        """The least of it."""

    @property
    def display_notional(self) -> Decimal | None:
        """What an iceberg shows at a time, in quote currency."""

    @property
    def improve_after(self) -> float | None:
        """The share of the horizon before a passive child leaves the touch."""

    @property
    def cross_margin_seconds(self) -> float | None:
        """How long before the deadline a passive trade crosses."""

    @property
    def requote_seconds(self) -> float | None:
        """A passive child's least time in the queue."""

    @property
    def parameters(self) -> str:
        """The algorithm's own parameters as canonical JSON; empty where there are none."""


class Wish(Protocol):
    """What an algorithm reads of a trade intent (`bot.risk.snapshot.TradeIntent`)."""

    @property
    def side(self) -> TradeSide:
        """The side that the trade buys or sells on."""

    @property
    def notional(self) -> Decimal:
        """The trade's size in quote currency."""

    @property
    def horizon_seconds(self) -> float | None:
        """The time to spread the trade over; None: the default."""

    @property
    def interval_seconds(self) -> float | None:
        """The time between two children; None: the default."""

    @property
    def volume_curve(self) -> tuple[float, ...]:
        """The expected volume of each equally long slot."""

    @property
    def risk_aversion(self) -> float | None:
        """Lambda of Almgren and Chriss; None: the default."""

    @property
    def options(self) -> Options:
        """What else the strategy said of the work."""


class Market(Protocol):
    """What an algorithm reads of the market (`bot.risk.snapshot.MarketView`)."""

    @property
    def bid(self) -> Decimal | None:
        """The best bid."""

    @property
    def ask(self) -> Decimal | None:
        """The best ask."""

    @property
    def volatility(self) -> float | None:
        """Of log returns, scaled to one day."""

    @property
    def volume_24h(self) -> Decimal | None:
        """The quote notional of the last 24 hours."""

    @property
    def traded_qty(self) -> Decimal | None:
        """The base quantity traded since the feed's start."""
