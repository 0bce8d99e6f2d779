"""Every figure of the synthetic market in one place, each with its source.

Sources, cited by their letter:
[A] Measured on the 2025 klines (daily sigma and volume) and on the recorded L2-200 books (spread
    and cost of walking the book).
[B] Measured on the 1-minute bars of 7 Bybit perpetuals, 20 days from 2025-05-30 (28,796 common
    minutes of BTC, ETH, SOL, DOGE): correlations 0.75 to 0.81, 1-minute kurtosis 11 to 30,
    Hill tail index 3.6 to 4.0, autocorrelation of returns -0.02 and of |returns| 0.24 after 1 and
    0.15 after 30 minutes, hourly volatility 0.6 (10 %) to 1.8 (90 %) of its median.
[C] Measured on the recorded Bybit V5 session of 2026-08-09: last prices, displayed sizes by level,
    trades per second, instruments-info replies.
[D] Gould & Bonart 2016, "Queue imbalance as a one-tick-ahead price predictor in a limit order
    book": area under the ROC curve 0.6 to 0.65 for small-tick, 0.7 to 0.8 for large-tick stocks;
    Lipton, Pesavento & Sotiropoulos 2013: the probability of an up-move rises with imbalance.
[E] Gopikrishnan, Plerou, Gabaix & Stanley 2000: tail exponent of trade sizes about 1.5.
[F] Bybit's published funding formula: premium plus clamp(0.01 % - premium, +-0.05 %) per 8 hours.
[G] Our choice, within the limits of the other sources.
[H] Measured on 3,922 funding rates of BTCUSDT from March 2020 on: half are exactly 0.01 %, the
    quantiles -0.004 % (10 %) and 0.037 % (90 %), autocorrelation 0.84 after one interval.
"""

from dataclasses import dataclass
from decimal import Decimal

from paper_exchange.types import Category

STEP_MS = 100  # Bybit pushes orderbook.200 every 100 ms [C]
STEPS_PER_BLOCK = 600  # one minute is drawn at once: numpy's overhead vanishes, memory stays small
STEPS_PER_DAY = 86_400_000 // STEP_MS


@dataclass(frozen=True, slots=True)
class CoinParameters:
    """The efficient price of one coin."""

    coin: str
    price: float
    daily_sigma_bps: float
    common_share: float
    """Loading on the common factor: correlation of two coins is the product of their loadings."""


@dataclass(frozen=True, slots=True)
class InstrumentParameters:
    """The market of one instrument around its coin's efficient price."""

    category: Category
    symbol: str
    tick_size: Decimal
    qty_step: Decimal
    min_qty: Decimal
    max_limit_qty: Decimal
    max_market_qty: Decimal
    price_limit_x: Decimal
    price_limit_y: Decimal
    max_leverage: Decimal
    daily_volume_usd: float
    trades_per_second: float
    touch_usd: float
    """Median size displayed at the best price."""
    level_usd: float
    """Median size of a level behind it."""
    grid_ticks: int
    """Distance of the levels behind the touch."""


# price [C]; sigma [A]; loading = sqrt of the mean correlation in [B]
COINS = (
    CoinParameters("BTC", 65114.3, 176.0, 0.87),
    CoinParameters("ETH", 1922.4, 352.0, 0.89),
    CoinParameters("SOL", 77.30, 380.0, 0.88),
    CoinParameters("DOGE", 0.07053, 399.0, 0.90),
)

# Coins of the 1-minute bars only; sigma [B], loading as above.
BAR_COINS = (
    *COINS,
    CoinParameters("ADA", 0.6898, 370.0, 0.88),
    CoinParameters("BNB", 661.9, 162.0, 0.85),
    CoinParameters("DOT", 4.104, 352.0, 0.88),
)


def _linear(
    symbol: str,
    tick: str,
    step: str,
    most: tuple[str, str],
    band: tuple[str, str],
    leverage: str,
    flow: tuple[float, float],
    depth: tuple[float, float, int],
) -> InstrumentParameters:
    """`most`: limit, market. `flow`: USD a day, trades a second. `depth`: touch, level, grid."""
    qty_step = Decimal(step)
    return InstrumentParameters(
        "linear",
        symbol,
        Decimal(tick),
        qty_step,
        qty_step,
        Decimal(most[0]),
        Decimal(most[1]),
        Decimal(band[0]),
        Decimal(band[1]),
        Decimal(leverage),
        *flow,
        depth[0],
        depth[1],
        depth[2],
    )


def _spot(
    symbol: str,
    tick: str,
    step: str,
    most: tuple[str, str],
    flow: tuple[float, float],
    depth: tuple[float, float, int],
) -> InstrumentParameters:
    return InstrumentParameters(
        "spot",
        symbol,
        Decimal(tick),
        Decimal(step),
        Decimal(step),
        Decimal(most[0]),
        Decimal(most[1]),
        Decimal("0.005"),
        Decimal("0.01"),
        Decimal(1),
        *flow,
        depth[0],
        depth[1],
        depth[2],
    )


# Rules [C]. Linear volume [A], spot volume [C] (turnover24h). Trades per second: the recorded
# quiet 44 s had 1.3 / 0.5 / 3.8 / 1.9; raised so that mean trade sizes ($8k, $1k, $2.7k, $0.4k in
# [C]) and the daily volume of [A] agree within one order [G]. Depth: touch and cumulative sizes of
# [C], chosen so that walking 10k / 100k / 1M$ costs about as much as in [A].
INSTRUMENTS = (
    _linear(
        "BTCUSDT",
        "0.1",
        "0.001",
        ("1500", "150"),
        ("0.01", "0.02"),
        "100",
        (8.34e9, 11.0),
        (400_000.0, 50_000.0, 10),
    ),
    _linear(
        "ETHUSDT",
        "0.01",
        "0.01",
        ("10000", "2000"),
        ("0.02", "0.04"),
        "100",
        (5.82e9, 11.0),
        (130_000.0, 50_000.0, 5),
    ),
    _linear(
        "SOLUSDT",
        "0.01",
        "0.1",
        ("96000", "12000"),
        ("0.05", "0.1"),
        "100",
        (1.65e9, 8.0),
        (100_000.0, 150_000.0, 1),
    ),
    _linear(
        "DOGEUSDT",
        "0.00001",
        "1",
        ("43678900", "5991100"),
        ("0.05", "0.1"),
        "75",
        (0.39e9, 7.0),
        (25_000.0, 33_000.0, 1),
    ),
    _spot(
        "BTCUSDT",
        "0.1",
        "0.000001",
        ("230", "120"),
        (0.192e9, 3.0),
        (40_000.0, 12_000.0, 10),
    ),
    _spot(
        "ETHUSDT",
        "0.01",
        "0.00001",
        ("4300", "2100"),
        (0.038e9, 2.0),
        (12_000.0, 6_000.0, 5),
    ),
)
# Further perpetuals of the 1-minute bars. Rules [C], volume [B], depth in proportion to volume [G].
BAR_INSTRUMENTS = (
    *(i for i in INSTRUMENTS if i.category == "linear"),
    _linear(
        "ADAUSDT",
        "0.0001",
        "1",
        ("1500000", "590000"),
        ("0.05", "0.1"),
        "75",
        (0.146e9, 4.0),
        (12_000.0, 15_000.0, 1),
    ),
    _linear(
        "BNBUSDT",
        "0.1",
        "0.01",
        ("940", "370"),
        ("0.05", "0.1"),
        "50",
        (0.037e9, 2.0),
        (5_000.0, 6_000.0, 1),
    ),
    _linear(
        "DOTUSDT",
        "0.0001",
        "0.1",
        ("198890", "32140"),
        ("0.05", "0.1"),
        "50",
        (0.039e9, 2.0),
        (4_000.0, 5_000.0, 4),
    ),
)
MIN_NOTIONAL = Decimal(5)  # usual for linear contracts (docs/bybit.md)
FUNDING_INTERVAL_MINUTES = 480  # [C]

# --- efficient price --------------------------------------------------
TAIL_DEGREES_OF_FREEDOM = 4.0  # Student-t of the innovations: tail index 3.6 to 4.0 [B]
# Markov-switching volatility: calm, normal, turbulent. Multipliers and shares reproduce the hourly
# quantiles 0.6 / 1 / 1.8 / 3.1 of [B]; dwell times the slow decay of its |return| autocorrelation.
REGIME_SIGMA = (0.6, 1.0, 2.2)
REGIME_SHARE = (0.35, 0.50, 0.15)
REGIME_MINUTES = (45.0, 60.0, 20.0)
# Bursts within a regime (log-normal, mean-reverting): kurtosis of 1-minute returns [B].
BURST_LOG_SD = 0.5
BURST_SECONDS = 90.0
# Share of 100 ms steps in which quotes move: most recorded updates leave the touch alone [C].
QUOTE_MOVE_PROBABILITY = 0.35
# Keeps an endless walk in a sane range without touching a day's behaviour [G].
ANCHOR_DAYS = 30.0
# Hour-of-day curves (UTC), mean of the four coins relative to the day's mean [B].
HOURLY_VOLUME = (
    1.40, 0.93, 0.80, 0.73, 0.51, 0.64, 0.63, 0.65, 0.65, 0.78, 0.80, 0.91,
    1.20, 1.49, 1.67, 1.42, 1.29, 1.00, 1.11, 1.28, 1.28, 1.04, 1.05, 0.75,
)  # fmt: skip
HOURLY_SIGMA = (
    1.32, 1.19, 0.93, 0.86, 0.68, 0.70, 0.74, 0.76, 0.75, 0.76, 0.80, 0.79,
    0.94, 1.12, 1.21, 1.10, 1.08, 0.97, 1.11, 1.21, 1.16, 1.27, 1.11, 0.95,
)  # fmt: skip

# --- predictability --------------------------------------------------
# Hidden pressure (unit variance, exponential memory) tilts the displayed book and leads returns:
# E[return of the next step] = PRESSURE_DRIFT x step sigma x pressure. With these two figures the
# correlation of pressure with the next 5 s return is about 0.3, an area under the ROC curve of the
# sign of about 0.6: the small-tick end of [D]. Returns themselves stay white, as in [B].
PRESSURE_SECONDS = 5.0
PRESSURE_DRIFT = 0.067
PRESSURE_TILT = 0.6  # log size at the touch per unit of pressure [G]
PRESSURE_TILT_LEVELS = 8.0  # levels over which the tilt fades [G]
PRESSURE_TAKER = 0.5  # log odds of a buying taker per unit of pressure [G]
IMPACT_TAKER = 1.0  # log odds of a buying taker per standard deviation of the step's return [G]

# --- book and trades --------------------------------------------------
BOOK_LEVELS = 1000  # per side, the depth of Bybit's deepest stream
LEVEL_SIZE_LOG_SD = 0.8  # dispersion of displayed sizes [C]
LEVEL_SIZE_GROWTH = 1.5  # sizes from GROWN_LEVELS on are 1 + this times those near the touch [C]
GROWN_LEVELS = 60  # [C]
TOUCH_NOISE_LOG_SD = 0.6
TOUCH_NOISE_SECONDS = 1.0
REFRESHED_LEVELS = 3  # per side and step; recorded deltas change 5 to 11 levels [C]
REFRESH_DEPTH = 12.0  # mean distance of a refreshed level from the touch [C]
WIDE_SPREAD_PROBABILITY = 0.06  # spread is one tick nearly always: [A] has 1 tick for all four
TRADE_SIZE_TAIL = 1.5  # [E]
TRADE_SIZE_CAP = 400.0  # times the mean: keeps the truncated mean finite and sweeps inside the book
TRADE_VOLATILITY_LINK = 1.0  # volume rises with |return|: correlation about 0.5 in [B]
SWEEP_LEVELS = 8  # a taker gives up beyond this many levels [G]
# --- reference prices --------------------------------------------------
BASIS_BPS = 2.0  # perpetual against index (mark 4 bps below spot in [C])
BASIS_SECONDS = 1800.0  # [G]
MARK_EVERY_STEPS = 10  # tickers arrive several times a second, mark changes about once [C]
INTEREST_PER_INTERVAL = 0.0001  # [F]
FUNDING_CLAMP = 0.0005  # [F]
# For the past: the mean premium leaves the clamp in half of the intervals; its memory is of [H].
PREMIUM_SD = 0.00074
PREMIUM_MEMORY = 0.84
