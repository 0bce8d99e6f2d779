"""A simple strategy asks the real gate on recorded minutes, and its blocks are judged by them.

The strategy follows the last hour's move with a confidence that rises with it. Its account is flat
at every request: what it holds has no say here. A recording of minutes has no book, so that the
spread is two ticks, or a basis point of the price where that is more, and the depth is a minute's
turnover.
"""

import csv
import gzip
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bot.decision.decide import decide
from bot.gate_value.figures import JudgedBlock
from bot.gate_value.judging import answer, ask
from bot.gate_value.worth import TAKER_FEE, Worth
from bot.market.bars import MINUTE, Bar
from bot.risk.limits import RiskLimits
from bot.risk.snapshot import (
    InstrumentView,
    MarketView,
    ModelView,
    PortfolioView,
    RiskSnapshot,
    ScopeState,
    TradeIntent,
)
from models.enums import Algorithm, TradeSide, TradingState, Verdict

DAY = 1440
EVERY = 15
"""Minutes between two requests of a symbol."""
LOOKS_BACK = 60
HORIZON = 60
EQUITY = Decimal(100_000)
NOTIONAL = Decimal(6_000)
_BASIS_POINT = Decimal("0.0001")


def read_bars(path: Path) -> list[Bar]:
    """The minutes of one symbol, oldest first."""
    with gzip.open(path, "rt", newline="", encoding="utf-8") as lines:
        found = []
        for row in csv.DictReader(lines):
            opened, high, low, close, volume = (
                Decimal(row[name]) for name in ("open", "high", "low", "close", "volume")
            )
            turnover = volume * (opened + close) / 2
            at = datetime.fromisoformat(row["timestamp"])
            found.append(Bar(at, opened, high, low, close, volume, turnover))
    return found


def judged(
    symbol: str, bars: Sequence[Bar], limits: RiskLimits, every: int = EVERY
) -> tuple[int, list[JudgedBlock]]:
    """How many requests the strategy made in these minutes, and the blocks among them."""
    closes = np.array([float(bar.close) for bar in bars])
    moves = np.diff(np.log(closes), prepend=np.log(closes[0]))
    turnover = np.cumsum([float(bar.turnover) for bar in bars])
    tick = _tick(bars[:DAY])
    blocks, asked = [], 0
    for now in range(DAY, len(bars) - HORIZON - 2, every):
        day = moves[now - DAY + 1 : now + 1]
        signal = float(np.log(closes[now] / closes[now - LOOKS_BACK]))
        spread = float(day.std()) * LOOKS_BACK**0.5
        if not spread > 0.0 or signal == 0.0:
            continue
        asked += 1
        market = _market(symbol, bars[now], tick, day, float(turnover[now] - turnover[now - DAY]))
        intent = _intent(symbol, bars[now].end, signal, abs(signal) / spread)
        block = _judged(intent, _snapshot(market, tick), limits, bars[now : now + HORIZON + 3])
        if block is not None:
            blocks.append(block)
    return asked, blocks


def recorded(
    folder: Path, limits: RiskLimits, every: int = EVERY
) -> Iterator[tuple[str, Sequence[Bar], int, list[JudgedBlock]]]:
    """Each symbol of a folder with its minutes, its requests and its blocks."""
    for path in sorted(folder.glob("*_1m.csv.gz")):
        bars = read_bars(path)
        symbol = path.name.removesuffix("_1m.csv.gz")
        yield symbol, bars, *judged(symbol, bars, limits, every)


def _judged(
    intent: TradeIntent, snapshot: RiskSnapshot, limits: RiskLimits, bars: Sequence[Bar]
) -> JudgedBlock | None:
    made = decide(intent, snapshot, limits).decision
    if made.verdict is Verdict.ALLOW:
        return None
    question = ask(intent, snapshot, limits, made)
    found = answer(question, bars, TAKER_FEE)
    worth = found if isinstance(found, Worth) else None
    return JudgedBlock(
        decided_at=made.decided_at,
        known_at=question.known_at,
        strategy=intent.strategy,
        symbol=intent.symbol,
        blockers=question.attribution.blockers,
        profit=None if worth is None else worth.profit,
        profit_bps=None if worth is None else float(worth.profit_bps),
        not_valued=None if isinstance(found, Worth) else found,
    )


def _tick(bars: Sequence[Bar]) -> Decimal:
    """The smallest decimal place of the prices."""
    return Decimal(1).scaleb(min(int(bar.close.as_tuple().exponent) for bar in bars))


def _market(
    symbol: str, bar: Bar, tick: Decimal, day: npt.NDArray[np.float64], volume: float
) -> MarketView:
    price = bar.close
    half = max(tick, (price * _BASIS_POINT / 2).quantize(tick))
    depth = max(bar.turnover, Decimal(1))
    bid, ask = price - half, price + half
    levels = max(depth / price, Decimal("0.001"))
    hour = float(day[-LOOKS_BACK:].std()) * DAY**0.5
    return MarketView(
        symbol=symbol,
        as_of=bar.end,
        bid=bid,
        ask=ask,
        last=price,
        mark=price,
        index=price,
        bids=((bid, levels),),
        asks=((ask, levels),),
        bid_depth=depth,
        ask_depth=depth,
        volatility=hour,
        volatility_baseline=float(day.std()) * DAY**0.5,
        volume_24h=Decimal(int(volume)),
        funding_rate=0.0,
    )


def _snapshot(market: MarketView, tick: Decimal) -> RiskSnapshot:
    now = market.as_of
    rules = InstrumentView(
        symbol=market.symbol,
        tick_size=tick,
        qty_step=Decimal("0.001"),
        min_qty=Decimal("0.001"),
        max_qty=Decimal(10**9),
        min_notional=Decimal(5),
        max_leverage=Decimal(50),
        status="Trading",
        refreshed_at=now,
    )
    money = PortfolioView(
        as_of=now,
        equity=EQUITY,
        available_margin=EQUITY,
        equity_day_start=EQUITY,
        equity_peak=EQUITY,
        rolling_pnl_24h=Decimal(0),
    )
    return RiskSnapshot(now, rules, market, money, (ScopeState("global:*", TradingState.ACTIVE),))


def _intent(symbol: str, now: datetime, signal: float, strength: float) -> TradeIntent:
    """The more unusual the move, the surer the model is, and the less sure of its own spread."""
    confidence = min(0.95, 0.6 + 0.2 * strength)
    return TradeIntent(
        request_id=f"{symbol} {now.isoformat()}",
        account="recorded",
        strategy="follows-the-hour",
        symbol=symbol,
        side=TradeSide.BUY if signal > 0 else TradeSide.SELL,
        notional=NOTIONAL,
        model=ModelView(
            confidence=confidence,
            uncertainty=min(1.0, 0.1 + 0.1 * strength),
            ensemble_agreement=0.9,
            prediction_stability=0.9,
            feature_importance={"return_1h": 0.6, "volatility": 0.3, "volume": 0.1},
            member_probabilities=(confidence, confidence),
            model_version="1",
            predicted_at=now,
        ),
        created_at=now,
        expires_at=now + timedelta(minutes=HORIZON),
        algorithm=Algorithm.IMMEDIATE,
        horizon_seconds=HORIZON * MINUTE.total_seconds(),
    )
