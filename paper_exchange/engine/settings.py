"""Settings of the paper exchange's engine and of its accounts, each number with its reason."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

PositionMode = Literal["one_way", "hedge"]


@dataclass(frozen=True, slots=True)
class AccountConfig:
    """One paper account: its balances at the start, its modes and its fees.

    Fee rates are Bybit's non-VIP rates (help page, 2026): perpetuals 0.02 % / 0.055 %, spot 0.1 % /
    0.1 %. Bybit sets a leverage of 10x for a new symbol.
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
    """Moves a futures limit price beyond the band to the band, as Bybit does; False refuses it."""


@dataclass(frozen=True, slots=True)
class ImpactSettings:
    """Own impact on the prices that we meet. It is off by default, because a replay doesn't react.

    I = prefactor * daily volatility * sqrt(J / daily volume), where J is our signed taker volume,
    decayed with `half_life_ms`. The law is linear in J below `linear_below` of daily volume
    (crossover of Bucci et al. 2019, PRL 122 108302). The form with the decay inside is that of
    Alfonsi, Fruth and Schied 2010.
    """

    enabled: bool = False
    prefactor: Decimal = Decimal(1)
    """The factor Y is of order one (Toth et al. 2011; Donier and Bonart 2015 for Bitcoin)."""
    linear_below: Decimal = Decimal("0.00001")
    """Bucci et al. see the crossover between 1e-5 and 1e-3 of daily volume; we take the low end."""
    half_life_ms: int = 300_000
    """Minutes: most of a metaorder's impact relaxes in its own duration (Bucci et al. 2018)."""
    daily_volatility: Mapping[str, Decimal] = field(default_factory=dict)
    default_daily_volatility: Decimal = Decimal("0.03")
    """A value between BTC (1.8 %) and DOGE (4 %) on the Bybit bars of May 2025."""
    daily_volume: Mapping[str, Decimal] = field(default_factory=dict)
    """Base coin per day by symbol. For other symbols the past day and the replay estimate it."""
    min_observation_ms: int = 60_000
    """Without a past, an estimate of daily volume from less than a minute would be noise."""


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """The engine's timing and its switches. Times are in milliseconds of the exchange's clock."""

    effect_delay_ms: int = 3
    """The delay from the reply of create, amend, cancel to its effect; 3 ms in Bybit's example."""
    effect_jitter_ms: float = 0
    """The mean of a random delay on top of it, exponentially distributed. Default: 0, none.

    Queueing in front of a matching engine has about such a tail. The requests of one account keep
    their order.
    """
    realtime_lag_ms: int = 0
    """The lag of order/realtime. Bybit documents none; a test may set one."""
    history_lag_ms: int = 0
    """The lag of order/history and execution/list, as in volatile markets; a fault sets it."""
    closed_order_cache: int = 500
    """order/realtime keeps this number of closed orders of a category until a restart."""
    retention_ms: int = 7 * 86_400_000
    """The time that ended orders with fills, executions and the ledger can be queried.

    Bybit's demo trading keeps orders for 7 days; real accounts keep them for two years.
    """
    max_history: int = 50_000
    """The most ended orders, executions and ledger rows of an account that are kept.

    With more, the oldest are forgotten before their time, so that memory stays bounded at any rate.
    """
    max_used_links: int = 100_000
    """The orderLinkIds of an account that stay used after their orders are forgotten."""
    max_active_orders: int = 500
    """Bybit's documented capacity: per symbol and account (linear), per account (spot)."""
    max_conditional_orders: int = 10
    """The capacity per symbol on derivatives; spot allows 30."""
    max_spot_conditional_orders: int = 30
    cancel_front_share: Decimal = Decimal(1)
    """The share of a level's cancels that moves us up, in proportion to the queue ahead.

    1 assumes that cancels are uniform in the queue, as in the queue models of hftbacktest and
    Rigtorp. 0 is the cautious assumption: only trades move us up.
    """
    fill_on_cross: bool = True
    """Whether a replayed quote at or through our resting price fills us, up to its size.

    On an exchange such a quote would have traded with our order. When it is off, only replayed
    trades fill makers, and an order may rest in a market that has gone through it.
    """
    collateral: Mapping[str, Decimal] = field(
        default_factory=lambda: {
            **{"USDT": Decimal(1), "USDC": Decimal(1)},
            **{"BTC": Decimal("0.85"), "ETH": Decimal("0.85")},
        }
    )
    """The share of a coin's value that counts as margin.

    0.85 stands in Bybit's example of a tiered ratio for BTC; Bybit changes its ratios. Coins
    without an entry count for nothing.
    """
    maintenance_base: Decimal = Decimal("0.5")
    """The first tier's maintenance rate as a share of 1 / maximum leverage.

    BTCUSDT has 0.5 % at 100x.
    """
    risk_tier_value: Decimal = Decimal(2_000_000)
    """The width of a risk tier in quote coin, as in Bybit's first BTCUSDT tier."""
    risk_tiers: int = 50
    insurance_fund: Decimal | None = None
    """What the insurance fund holds at first, in quote coin; None never ends.

    A fund that can't bear a bankrupt position's loss makes the exchange close profitable positions
    of the other side.
    """
    impact: ImpactSettings = field(default_factory=ImpactSettings)
    seed: int = 1
