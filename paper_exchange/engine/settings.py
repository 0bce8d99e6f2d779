"""Settings of the paper exchange's engine and of its accounts, each number with its reason."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

PositionMode = Literal["one_way", "hedge"]


@dataclass(frozen=True, slots=True)
class AccountConfig:
    """One paper account: what it starts with and what it pays.

    Fee rates are Bybit's non-VIP rates (help page, 2026): perpetuals 0.02 % / 0.055 %,
    spot 0.1 % / 0.1 %. 10x is the leverage that Bybit sets for a new symbol.
    """

    uid: str
    balances: Mapping[str, Decimal] = field(default_factory=lambda: {"USDT": Decimal(100_000)})
    linear_maker_rate: Decimal = Decimal("0.0002")
    linear_taker_rate: Decimal = Decimal("0.00055")
    spot_maker_rate: Decimal = Decimal("0.001")
    spot_taker_rate: Decimal = Decimal("0.001")
    leverage: Decimal = Decimal(10)
    position_mode: PositionMode = "one_way"
    reprice_outside_band: bool = True
    """Futures limit prices beyond the band move to it (Bybit's default); False refuses them."""


@dataclass(frozen=True, slots=True)
class ImpactSettings:
    """Own impact on the prices that we meet; off by default because a replay doesn't react.

    I = prefactor * daily volatility * sqrt(J / daily volume), where J is our signed taker volume
    decayed with `half_life_ms`; linear in J below `linear_below` of daily volume (crossover of
    Bucci et al. 2019, PRL 122 108302). Form with decay inside: Alfonsi, Fruth, Schied 2010.
    """

    enabled: bool = False
    prefactor: Decimal = Decimal(1)
    """Y is of order one: Toth et al. 2011; Donier and Bonart 2015 for Bitcoin."""
    linear_below: Decimal = Decimal("0.00001")
    """Bucci et al. see the crossover between 1e-5 and 1e-3 of daily volume; we take the low end."""
    half_life_ms: int = 300_000
    """Minutes: most of a metaorder's impact relaxes within its own duration (Bucci et al. 2018)."""
    daily_volatility: Mapping[str, Decimal] = field(default_factory=dict)
    default_daily_volatility: Decimal = Decimal("0.03")
    """Between BTC (1.8 %) and DOGE (4 %) on the Bybit bars of May 2025."""
    daily_volume: Mapping[str, Decimal] = field(default_factory=dict)
    """Base coin per day by symbol; a symbol not named is estimated from the replayed trades."""
    min_observation_ms: int = 60_000
    """An estimate of daily volume from less than a minute of trades would be noise."""


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """How the engine behaves in time, and its switches. Milliseconds of the exchange's clock."""

    effect_delay_ms: int = 3
    """From the reply of create, amend, cancel to its effect: 3 ms in Bybit's documented example."""
    realtime_lag_ms: int = 0
    """Bybit says that order/realtime has no delay; a test may set one."""
    history_lag_ms: int = 0
    """order/history and execution/list may lag in volatile markets: a fault switch."""
    closed_order_cache: int = 500
    """order/realtime keeps the newest 500 closed orders of a category until a restart."""
    max_active_orders: int = 500
    """Per symbol and account (linear), per account (spot): Bybit's documented capacity."""
    max_conditional_orders: int = 10
    """Per symbol on derivatives; spot allows 30."""
    max_spot_conditional_orders: int = 30
    cancel_front_share: Decimal = Decimal(1)
    """Share of a level's cancels credited to us in proportion to the queue ahead: 1 is the
    uniform assumption, 0 the risk-averse one in which only trades advance us."""
    fill_on_cross: bool = False
    """Whether a replayed quote beyond our resting price fills us without a trade. Off: maker
    fills need a trade, the cautious reading."""
    collateral: Mapping[str, Decimal] = field(
        default_factory=lambda: {"USDT": Decimal(1), "USDC": Decimal(1)}
    )
    """Share of a coin's value that counts as margin; coins not named count for nothing."""
    maintenance_base: Decimal = Decimal("0.5")
    """First tier's maintenance rate as a share of 1 / maximum leverage: BTCUSDT has 0.5 % at
    100x."""
    risk_tier_value: Decimal = Decimal(2_000_000)
    """Width of a risk tier in quote coin: Bybit's first BTCUSDT tier."""
    risk_tiers: int = 50
    impact: ImpactSettings = field(default_factory=ImpactSettings)
    seed: int = 1
