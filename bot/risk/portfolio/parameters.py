"""RiskParameters: an account's bounds, by the original interface's names and defaults."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from decimal import Decimal

from bot.risk.portfolio.kinds import LotOrder, MarketRegime
from models.messages import parse_plain_decimal

Number = Decimal | int | str | float

_MULTIPLIERS = {
    MarketRegime.LOW_VOLATILITY: 1.2,
    MarketRegime.NORMAL: 1.0,
    MarketRegime.HIGH_VOLATILITY: 0.8,
    MarketRegime.CRISIS: 0.5,
    MarketRegime.TRENDING_UP: 1.0,
    MarketRegime.TRENDING_DOWN: 0.9,
}


@dataclass(frozen=True)
class RiskParameters:
    """Shares are of the account's value. None leaves a limit to the configuration.

    Position size, portfolio risk and correlation never loosen the configuration: the stricter of
    the two holds.
    """

    max_portfolio_risk: Number = Decimal("0.02")
    """The possible loss of one position at its stop or on a bad day."""
    max_position_size: Number = Decimal("0.10")
    max_correlation: float = 0.7
    """The correlation from which two symbols count as moving together."""
    cgt_discount_threshold: int = 365
    """Days that a lot is held for the discount. A year, 365, means twelve calendar months."""
    tax_rate: Number = Decimal("0.325")
    enable_tax_optimization: bool = True
    """Exits close lots in an order that holds discounts; it never changes a size."""
    volatility_lookback: int = 30
    correlation_lookback: int = 60
    regime_detection_window: int = 90
    """Lookbacks and window are daily returns."""
    regime_risk_multipliers: Mapping[MarketRegime, float] = field(
        default_factory=lambda: dict(_MULTIPLIERS)
    )
    """Factors that scale the proposal of `calculate_position_size` down; above 1 they do
    nothing."""

    # Ours.
    cgt_discount: Number = Decimal("0.5")
    """Share of a discounted gain that is not taxed."""
    cgt_near_days: int = 30
    """A lot this close to the threshold is pointed out."""
    lot_order: LotOrder | None = None
    """None is longest held first with tax optimisation, first in first out without."""
    portfolio_value: Number | None = None
    """None assumes 100,000 until a wallet, a fill or the strategy gives a value."""
    max_gross_exposure: Number | None = None
    max_net_exposure: Number | None = None
    max_leverage: Number | None = None
    max_daily_loss: Number | None = None
    max_drawdown: Number | None = None
    max_positions: int | None = None
    max_consecutive_losses: int | None = None
    max_order_notional: Number | None = None
    max_orders_per_second: int = 10
    leverage: Number = Decimal(1)
    """Set at the exchange for every symbol; the margin of an order is divided by it."""

    def __post_init__(self) -> None:
        for each in fields(self):
            # numpy's numbers as plain ones.
            if hasattr(value := getattr(self, each.name), "item"):
                object.__setattr__(self, each.name, value.item())
        for name in ("max_portfolio_risk", "max_position_size", "max_correlation"):
            if not 0 < self._share(name) <= 1:
                raise ValueError(f"{name} must be a share above 0 and up to 1")
        for name in ("tax_rate", "cgt_discount"):
            if not 0 <= self._share(name) <= 1:
                raise ValueError(f"{name} must be a share from 0 to 1")
        for name in ("volatility_lookback", "correlation_lookback", "regime_detection_window"):
            if getattr(self, name) < 2:
                raise ValueError(f"{name} must be at least 2 daily returns")
        if self.cgt_discount_threshold < 0 or self.cgt_near_days < 0:
            raise ValueError("days of the discount must not be negative")
        for regime, value in self.regime_risk_multipliers.items():
            if MarketRegime(regime) and not 0.0 <= value < float("inf"):
                raise ValueError(f"the multiplier of {regime} must be a number from 0 up")

    def _share(self, name: str) -> Decimal:
        try:
            return parse_plain_decimal(getattr(self, name))
        except ValueError as error:
            raise ValueError(f"{name} {error}") from error

    @property
    def order_of_lots(self) -> LotOrder:
        """The order in which an exit closes tax lots.

        Default: the longest held first with tax optimization, first in first out without it.
        """
        if self.lot_order is not None:
            return LotOrder(self.lot_order)
        return LotOrder.LONGEST_HELD if self.enable_tax_optimization else LotOrder.FIFO

    def multiplier(self, regime: MarketRegime) -> float:
        """The regime's factor, at most 1: a calm market never lifts a size."""
        known = {MarketRegime(k): v for k, v in self.regime_risk_multipliers.items()}
        return min(1.0, known.get(regime, 1.0))

    def limit_changes(self) -> dict[str, object]:
        """The gate's limits that these parameters set, by the names of RiskLimits."""
        named = {
            "max_gross_exposure_share": _share(self.max_gross_exposure),
            "max_net_exposure_share": _share(self.max_net_exposure),
            "max_leverage": _share(self.max_leverage),
            "max_daily_loss_share": _share(self.max_daily_loss),
            "max_drawdown_share": _share(self.max_drawdown),
            "max_positions": self.max_positions,
            "max_consecutive_losses": self.max_consecutive_losses,
            "max_order_notional": _share(self.max_order_notional),
            "max_orders_per_second": self.max_orders_per_second,
        }
        return {name: value for name, value in named.items() if value is not None}

    def caps(self) -> dict[str, Decimal | float]:
        """The gate's limits that these parameters may only tighten."""
        return {
            "max_portfolio_risk": parse_plain_decimal(self.max_portfolio_risk),
            "max_position_share": parse_plain_decimal(self.max_position_size),
            "correlation_threshold": self.max_correlation,
        }


def _share(value: Number | None) -> Decimal | None:
    return None if value is None else parse_plain_decimal(value)
