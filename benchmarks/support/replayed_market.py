"""The paper exchange's engine around one window, and what of it an algorithm sees."""

from decimal import Decimal

from benchmarks.support.recorded_windows import LEAD_MINUTES, Window
from bot.execution.algorithms.base import LotRules
from bot.execution.algorithms.stepping import Touch
from paper_exchange.engine.core import PaperEngine
from paper_exchange.engine.settings import AccountConfig, EngineSettings, ImpactSettings

ACCOUNT = "replay"
EFFECT_MS = 20
"""From a decision to its effect: 17 ms on the way and the 3 ms of Bybit's documented example."""
_WEALTH = Decimal(10) ** 12
"""Margin is not what is compared."""


def engine_of(window: Window, *, quotes_fill: bool = True) -> PaperEngine:
    """With own impact by the law, at the volume and volatility of the day before the window.

    `quotes_fill`: quotes that reach our makers fill them, as replayed trades do.
    """
    impact = ImpactSettings(
        enabled=True,
        daily_volume={window.symbol: Decimal(repr(window.day_volume))},
        daily_volatility={window.symbol: Decimal(repr(window.day_volatility))},
    )
    account = AccountConfig(ACCOUNT, {"USDT": _WEALTH}, leverage=Decimal(1))
    settings = EngineSettings(effect_delay_ms=EFFECT_MS, impact=impact, fill_on_cross=quotes_fill)
    return PaperEngine([window.spec], {ACCOUNT: account}, settings)


def touch_of(engine: PaperEngine, window: Window, traded: int) -> Touch:
    """What the feed would show; a side that is exhausted has a price and size of zero.

    `traded` are the market's steps since the order's start.
    """
    spec = window.spec
    bids, asks = engine.book("linear", window.symbol, 1)
    bid, bid_size = bids[0] if bids else (0, 0)
    ask, ask_size = asks[0] if asks else (0, 0)
    return Touch(
        spec.price(bid), spec.price(ask), spec.qty(bid_size), spec.qty(ask_size), spec.qty(traded)
    )


def mid_at_start(window: Window) -> Decimal:
    """What the decision sees: the mid when the order begins, before anybody of us trades."""
    engine = engine_of(window)
    for event in window.events:
        if event.ts_ms >= LEAD_MINUTES * 60_000:
            break
        engine.on_market(event)
    touch = touch_of(engine, window, 0)
    return (touch.bid + touch.ask) / 2


def lot_rules(window: Window) -> LotRules:
    spec = window.spec
    return LotRules(spec.qty_step, spec.min_qty, spec.max_limit_qty, spec.min_notional)
