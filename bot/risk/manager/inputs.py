"""Turns the dictionaries of the original interface into the gate's inputs.

It lists its assumptions.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from bot.errors import BadMessage
from bot.risk.limits import RiskLimits
from bot.risk.manager.field_reader import FieldReader, as_plain
from bot.risk.manager.fields import SIDES, by_our_names
from bot.risk.manager.unknowns import priceless, with_returns
from bot.risk.snapshot import InstrumentView, MarketView, ModelView, TradeIntent
from models.enums import Algorithm, ExecutionPriority, TradeSide
from models.messages import parse_plain_decimal

_STEP = Decimal("0.00000001")
_SIDES = {
    "buy": TradeSide.BUY,
    "long": TradeSide.BUY,
    "sell": TradeSide.SELL,
    "short": TradeSide.SELL,
}


@dataclass
class Read:
    """The inputs, the assumptions, and the checks without data."""

    intent: TradeIntent
    market: MarketView
    instrument: InstrumentView
    warnings: list[str] = field(default_factory=list)
    not_asked: frozenset[str] = frozenset()
    portfolio_value: Decimal | None = None
    """The value that the strategy claims."""


# Checks that only a running system can make, unless the caller gives their data.
_NEEDS = {
    "depth": ("bid_depth", "ask_depth"),
    "impact": ("volume_24h", "bids", "asks"),
    "slippage": ("volume_24h", "bids", "asks"),
    "adv_share": ("volume_24h",),
    "mark_deviation": ("mark",),
    "index_deviation": ("index",),
    "funding": ("funding_rate",),
    "data_age": ("timestamp",),
    "instrument_age": ("instrument_refreshed_at",),
}


def read(
    symbol: str,
    signal: Mapping[str, Any],
    market: Mapping[str, Any],
    predictions: Mapping[str, Any],
    *,
    request_id: str,
    now: datetime,
    limits: RiskLimits,
    usual_volatility: float | None,
    known_price: Decimal | None = None,
) -> Read:
    """Raises BadMessage with every unreadable or unknown field."""
    reader = FieldReader()
    reader.take_sections(signal_data=signal, market_data=market, ml_predictions=predictions)
    given, twice = by_our_names(market)
    reader.errors += twice
    intent = _intent(reader, symbol, signal, predictions, request_id, now)
    warnings: list[str] = []
    if given.get("price") is None:
        given["price"] = known_price if known_price is not None else signal.get("limit_price")
    view = _market(reader, symbol, given, now, limits, usual_volatility, warnings)
    view = with_returns(view, intent, given, warnings, reader.wrong)
    if view.bid is None and view.ask is None:
        view = priceless(view, intent, limits, warnings)
    claimed = reader.money("market_data", given, "portfolio_value")
    if claimed is not None and not claimed > 0:
        reader.wrong("market_data.portfolio_value", "must be above 0")
    instrument = _instrument(reader, symbol, given, now, limits, warnings)
    if reader.errors:
        raise BadMessage(tuple(reader.errors))
    missing = {name for name, keys in _NEEDS.items() if any(given.get(k) is None for k in keys)}
    if missing:
        warnings.append(
            f"not asked, because market_data lacks their inputs: {', '.join(sorted(missing))}"
        )
    return Read(intent, view, instrument, warnings, frozenset(missing), claimed)


def _intent(
    reader: FieldReader,
    symbol: str,
    signal: Mapping[str, Any],
    predictions: Mapping[str, Any],
    request_id: str,
    now: datetime,
) -> TradeIntent:
    notional = reader.money("signal_data", signal, "position_size")
    if notional is None:
        if not any(e.field == "signal_data.position_size" for e in reader.errors):
            reader.wrong("signal_data.position_size", "is missing: the notional in quote currency")
        notional = Decimal("NaN")
    side = _side(reader, signal)
    return TradeIntent(
        request_id=request_id,
        account="memory",
        strategy=str(signal.get("strategy", "default")),
        symbol=symbol,
        side=side,
        notional=notional,
        model=_model(reader, predictions),
        created_at=reader.moment("signal_data", signal, "created_at") or now,
        expires_at=reader.moment("signal_data", signal, "expires_at"),
        reduce_only=reader.flag("signal_data", signal, "reduce_only"),
        priority=reader.choice("signal_data", signal, "priority", ExecutionPriority)
        or ExecutionPriority.NORMAL,
        algorithm=reader.choice("signal_data", signal, "algorithm", Algorithm),
        horizon_seconds=reader.score("signal_data", signal, "horizon_seconds"),
        interval_seconds=reader.score("signal_data", signal, "interval_seconds"),
        limit_price=reader.money("signal_data", signal, "limit_price"),
        stop_price=reader.money("signal_data", signal, "stop_price"),
    )


def _side(reader: FieldReader, signal: Mapping[str, Any]) -> TradeSide:
    """The side by its name, or else by the sign of the signal's strength."""
    said: set[TradeSide] = set()
    wrong = False
    for key in SIDES:
        if (word := signal.get(key)) is None:
            continue
        side = _SIDES.get(word.lower()) if isinstance(word, str) else None
        if side is None or said - {side}:
            wrong = True
            reader.wrong(
                f"signal_data.{key}", "must be buy or sell, and the same as in other words"
            )
        else:
            said.add(side)
    if said and not wrong:
        return said.pop()
    strength = reader.score("signal_data", signal, "signal_strength")
    if strength and not wrong:
        return TradeSide.BUY if strength > 0 else TradeSide.SELL
    if not wrong:
        reader.wrong("signal_data.side", "is missing: buy or sell")
    return TradeSide.BUY


def _model(reader: FieldReader, predictions: Mapping[str, Any]) -> ModelView:
    predictions = _said_once(reader, predictions)
    importance = predictions.get("feature_importance") or {}
    if not isinstance(importance, Mapping):
        reader.wrong("ml_predictions.feature_importance", "must map features to their shares")
        importance = {}
    where = "ml_predictions"
    shares = {str(name): reader.score(where, importance, name) for name in importance}
    members = predictions.get("member_probabilities")
    if members is None:
        members = ()
    numbers = [
        reader.score(where, {"member_probabilities": m}, "member_probabilities") for m in members
    ]
    version = predictions.get("model_version")
    return ModelView(
        confidence=reader.score(where, predictions, "confidence"),
        uncertainty=reader.score(where, predictions, "uncertainty"),
        ensemble_agreement=reader.score(where, predictions, "ensemble_agreement"),
        prediction_stability=reader.score(where, predictions, "prediction_stability"),
        feature_importance={name: share for name, share in shares.items() if share is not None},
        member_probabilities=tuple(number for number in numbers if number is not None),
        model_version=None if version is None else str(version),
        predicted_at=reader.moment(where, predictions, "predicted_at"),
        feature_importance_score=reader.score(where, predictions, "feature_importance_score"),
    )


def _said_once(reader: FieldReader, predictions: Mapping[str, Any]) -> Mapping[str, Any]:
    """The original interface's names beside ours; one value under both names is an error."""
    for long, short in (
        ("prediction_stability", "stability"),
        ("feature_importance", "feature_importance_score"),
    ):
        if predictions.get(long) is not None and predictions.get(short) is not None:
            reader.wrong(f"ml_predictions.{short}", f"is given as {long} too: give one of them")
    if predictions.get("stability") is None:
        return predictions
    return {**predictions, "prediction_stability": predictions["stability"]}


def _market(
    reader: FieldReader,
    symbol: str,
    given: Mapping[str, Any],
    now: datetime,
    limits: RiskLimits,
    usual_volatility: float | None,
    warnings: list[str],
) -> MarketView:
    where = "market_data"
    price, bid, ask = (reader.money(where, given, key) for key in ("price", "bid", "ask"))
    if (bid is None or ask is None) and price is not None:
        spread = reader.score(where, given, "spread_bps")
        if spread is None:
            spread = limits.full_size_spread_bps
            warnings.append(f"no spread given: {spread:g} bps around the price assumed")
        half = price * Decimal(repr(spread)) / 20_000
        bid, ask = price - half, price + half
        warnings.append("bid and ask were derived from the price")
    volatility = reader.score(where, given, "volatility")
    baseline = reader.score(where, given, "volatility_baseline")
    if baseline is None and volatility is not None:
        baseline = usual_volatility
        if baseline is None:
            baseline = volatility
            warnings.append("first volatility seen of this symbol: it is taken as the usual one")
    return MarketView(
        symbol=symbol,
        as_of=reader.moment(where, given, "timestamp") or now,
        bid=bid,
        ask=ask,
        last=price,
        mark=reader.money(where, given, "mark"),
        index=reader.money(where, given, "index"),
        bids=_levels(reader, given, "bids"),
        asks=_levels(reader, given, "asks"),
        bid_depth=reader.money(where, given, "bid_depth"),
        ask_depth=reader.money(where, given, "ask_depth"),
        volatility=volatility,
        volatility_baseline=baseline,
        volume_24h=reader.money(where, given, "volume_24h"),
        funding_rate=reader.score(where, given, "funding_rate"),
    )


def _levels(
    reader: FieldReader, given: Mapping[str, Any], key: str
) -> tuple[tuple[Decimal, Decimal], ...]:
    levels = given.get(key)
    try:
        return tuple(
            (parse_plain_decimal(as_plain(price)), parse_plain_decimal(as_plain(qty)))
            for price, qty in (() if levels is None else levels)
        )
    except (TypeError, ValueError):
        reader.wrong(f"market_data.{key}", "must be pairs of price and quantity")
        return ()


def _instrument(
    reader: FieldReader,
    symbol: str,
    given: Mapping[str, Any],
    now: datetime,
    limits: RiskLimits,
    warnings: list[str],
) -> InstrumentView:
    where = "market_data"
    step = reader.money(where, given, "qty_step")
    if step is None:
        warnings.append(f"no trading rules given: lots of {_STEP:f} and no minimum assumed")
    minimum = reader.money(where, given, "min_qty")
    return InstrumentView(
        symbol=symbol,
        tick_size=reader.money(where, given, "tick_size") or _STEP,
        qty_step=step or _STEP,
        min_qty=minimum if minimum is not None else step or _STEP,
        max_qty=reader.money(where, given, "max_qty") or Decimal(10) ** 18,
        min_notional=reader.money(where, given, "min_notional") or Decimal(0),
        max_leverage=reader.money(where, given, "max_leverage") or limits.max_leverage,
        status=str(given.get("status", "Trading")),
        refreshed_at=reader.moment(where, given, "instrument_refreshed_at") or now,
    )
