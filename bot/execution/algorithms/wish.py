"""The facts of a trade and of its market that an algorithm reads.

The gate's records have these attributes. The gate imports the algorithms to count children, so the
algorithms can't import the gate's records.
"""

from decimal import Decimal
from typing import Protocol

from models.enums import TradeSide


class Options(Protocol):
    """The options of a trade that an algorithm reads (`bot.risk.snapshot.AlgorithmOptions`)."""

    @property
    def start(self) -> str:
        """`at_once` or `mid_slot`: the place in its slot at which a TWAP's slice is due."""

    @property
    def size_distortion(self) -> float:
        """The share by which children vary in size, from 0 to under 1."""

    @property
    def time_distortion(self) -> float:
        """The share of the interval by which slices move, from 0 to 0.5."""

    @property
    def seed(self) -> int | None:
        """The seed of the distortions."""

    @property
    def volume_model(self) -> str | None:
        """The name of a trained volume model; None when no model steers the trade."""

    @property
    def participation_rate(self) -> float | None:
        """The largest share of the traded volume that is ours, from 0 to 1."""

    @property
    def min_participation_rate(self) -> float | None:
        """The smallest share of the traded volume that is ours, from 0 to 1."""

    @property
    def display_notional(self) -> Decimal | None:
        """The size that an iceberg shows at a time, in quote currency."""

    @property
    def improve_after(self) -> float | None:
        """The share of the horizon before a passive child leaves the touch."""

    @property
    def cross_margin_seconds(self) -> float | None:
        """The time before the deadline at which a passive trade crosses, in seconds."""

    @property
    def requote_seconds(self) -> float | None:
        """The least time of a passive child in the queue, in seconds."""

    @property
    def parameters(self) -> str:
        """The algorithm's own parameters as canonical JSON; empty where there are none."""


class Wish(Protocol):
    """The trade intent that an algorithm reads (`bot.risk.snapshot.TradeIntent`)."""

    @property
    def side(self) -> TradeSide:
        """The trade's side: buy or sell."""

    @property
    def notional(self) -> Decimal:
        """The trade's size in quote currency."""

    @property
    def horizon_seconds(self) -> float | None:
        """The time to spread the trade over, in seconds; None means the default."""

    @property
    def interval_seconds(self) -> float | None:
        """The time between two children, in seconds; None means the default."""

    @property
    def volume_curve(self) -> tuple[float, ...]:
        """The expected volume of each equally long slot."""

    @property
    def risk_aversion(self) -> float | None:
        """Lambda of Almgren and Chriss; None means the default."""

    @property
    def options(self) -> Options:
        """The strategy's other wishes for the work."""


class Market(Protocol):
    """The market data that an algorithm reads (`bot.risk.snapshot.MarketView`)."""

    @property
    def bid(self) -> Decimal | None:
        """The best bid."""

    @property
    def ask(self) -> Decimal | None:
        """The best ask."""

    @property
    def volatility(self) -> float | None:
        """The standard deviation of log returns, scaled to one day."""

    @property
    def volume_24h(self) -> Decimal | None:
        """The traded notional of the last 24 hours, in quote currency."""

    @property
    def traded_qty(self) -> Decimal | None:
        """The traded quantity since the feed's start, in base units."""
