"""The words of the configuration that other rooms use as well."""

from enum import StrEnum


class Algorithm(StrEnum):
    """How an approved trade is cut into child orders."""

    IMMEDIATE = "immediate"
    TWAP = "twap"
    VWAP = "vwap"
    IMPLEMENTATION_SHORTFALL = "implementation_shortfall"
    POV = "pov"
    ICEBERG = "iceberg"
    PASSIVE = "passive"
    """Post-only at the touch first, crossing before the deadline."""


class StrategyStage(StrEnum):
    """How far a strategy is trusted, from the least to the most."""

    SHADOW = "shadow"
    """Its trades are decided and recorded, and never sent."""
    PAPER = "paper"
    """Its trades are sent where no real money is traded; elsewhere it is a shadow."""
    SMALL = "small"
    """Its entries have a part of their size."""
    FULL = "full"

    @property
    def rank(self) -> int:
        """The place on the ladder; 0 is the lowest."""
        return tuple(StrategyStage).index(self)


class BackupStep(StrEnum):
    """One step of a fallback policy: how the next attempt differs."""

    RETRY = "retry"
    """The same quantity again after a growing delay."""
    REDUCE_SIZE = "reduce_size"
    """Half of the quantity; the next attempt trades the other half."""
    MARKET_ORDER_FALLBACK = "market_order_fallback"
    """At once, as an IOC limit at most 1 % beyond the touch; never a naked market order."""
    OTHER_ALGORITHM = "other_algorithm"
    """The rest of the parent goes to `fallback_algorithm`."""
    STOP_AND_ALERT = "stop_and_alert"
    """The unfilled rest is released, and a person hears of it."""
