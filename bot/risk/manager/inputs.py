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
from bot.risk.manager.door import InputDoor, as_plain
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
    door = InputDoor()
    door.take_sections(signal_data=signal, market_data=market, ml_predictions=predictions)
    given, twice = by_our_names(market)
    door.errors += twice
    intent = _intent(door, symbol, signal, predictions, request_id, now)
    warnings: list[str] = []
    if given.get("price") is None:
        given["price"] = known_price if known_price is not None else signal.get("limit_price")
    view = _market(door, symbol, given, now, limits, usual_volatility, warnings)
    view = with_returns(view, intent, given, warnings, door.wrong)
    if view.bid is None and view.ask is None:
        view = priceless(view, intent, limits, warnings)
    claimed = door.money("market_data", given, "portfolio_value")
    if claimed is not None and not claimed > 0:
        door.wrong("market_data.portfolio_value", "must be above 0")
    instrument = _instrument(door, symbol, given, now, limits, warnings)
    if door.errors:
        raise BadMessage(tuple(door.errors))
    missing = {name for name, keys in _NEEDS.items() if any(given.get(k) is None for k in keys)}
    if missing:
        warnings.append(
            f"not asked, because market_data lacks their inputs: {', '.join(sorted(missing))}"
        )
    return Read(intent, view, instrument, warnings, frozenset(missing), claimed)


def _intent(
    door: InputDoor,
    symbol: str,
    signal: Mapping[str, Any],
    predictions: Mapping[str, Any],
    request_id: str,
    now: datetime,
) -> TradeIntent:
    notional = door.money("signal_data", signal, "position_size")
    if notional is None:
        if not any(e.field == "signal_data.position_size" for e in door.errors):
            door.wrong("signal_data.position_size", "is missing: the notional in quote currency")
        notional = Decimal("NaN")
    side = _side(door, signal)
    return TradeIntent(
        request_id=request_id,
        account="memory",
        strategy=str(signal.get("strategy", "default")),
        symbol=symbol,
        side=side,
        notional=notional,
        model=_model(door, predictions),
        created_at=door.moment("signal_data", signal, "created_at") or now,
        expires_at=door.moment("signal_data", signal, "expires_at"),
        reduce_only=door.flag("signal_data", signal, "reduce_only"),
        priority=door.choice("signal_data", signal, "priority", ExecutionPriority)
        or ExecutionPriority.NORMAL,
        algorithm=door.choice("signal_data", signal, "algorithm", Algorithm),
        horizon_seconds=door.score("signal_data", signal, "horizon_seconds"),
        interval_seconds=door.score("signal_data", signal, "interval_seconds"),
        limit_price=door.money("signal_data", signal, "limit_price"),
        stop_price=door.money("signal_data", signal, "stop_price"),
    )


def _side(door: InputDoor, signal: Mapping[str, Any]) -> TradeSide:
    """The side by its name, or else by the sign of the signal's strength."""
    said: set[TradeSide] = set()
    wrong = False
    for key in SIDES:
        if (word := signal.get(key)) is None:
            continue
        side = _SIDES.get(word.lower()) if isinstance(word, str) else None
        if side is None or said - {side}:
            wrong = True
            door.wrong(f"signal_data.{key}", "must be buy or sell, and the same as in other words")
        else:
            said.add(side)
    if said and not wrong:
        return said.pop()
    strength = door.score("signal_data", signal, "signal_strength")
    if strength and not wrong:
        return TradeSide.BUY if strength > 0 else TradeSide.SELL
    if not wrong:
        door.wrong("signal_data.side", "is missing: buy or sell")
    return TradeSide.BUY


def _model(door: InputDoor, predictions: Mapping[str, Any]) -> ModelView:
    predictions = _said_once(door, predictions)
    importance = predictions.get("feature_importance") or {}
    if not isinstance(importance, Mapping):
        door.wrong("ml_predictions.feature_importance", "must map features to their shares")
        importance = {}
    where = "ml_predictions"
    shares = {str(name): door.score(where, importance, name) for name in importance}
    members = predictions.get("member_probabilities")
    if members is None:
        members = ()
    numbers = [
        door.score(where, {"member_probabilities": m}, "member_probabilities") for m in members
    ]
    version = predictions.get("model_version")
    return ModelView(
        confidence=door.score(where, predictions, "confidence"),
        uncertainty=door.score(where, predictions, "uncertainty"),
        ensemble_agreement=door.score(where, predictions, "ensemble_agreement"),
        prediction_stability=door.score(where, predictions, "prediction_stability"),
        feature_importance={name: share for name, share in shares.items() if share is not None},
        member_probabilities=tuple(number for number in numbers if number is not None),
        model_version=None if version is None else str(version),
        predicted_at=door.moment(where, predictions, "predicted_at"),
        feature_importance_score=door.score(where, predictions, "feature_importance_score"),
    )


def _said_once(door: InputDoor, predictions: Mapping[str, Any]) -> Mapping[str, Any]:
    """The original interface's names beside ours; one value under both names is an error."""
    for long, short in (
        ("prediction_stability", "stability"),
        ("feature_importance", "feature_importance_score"),
    ):
        if predictions.get(long) is not None and predictions.get(short) is not None:
            door.wrong(f"ml_predictions.{short}", f"is given as {long} too: give one of them")
    if predictions.get("stability") is None:
        return predictions
    return {**predictions, "prediction_stability": predictions["stability"]}


def _market(
    door: InputDoor,
    symbol: str,
    given: Mapping[str, Any],
    now: datetime,
    limits: RiskLimits,
    usual_volatility: float | None,
    warnings: list[str],
) -> MarketView:
    where = "market_data"
    price, bid, ask = (door.money(where, given, key) for key in ("price", "bid", "ask"))
    if (bid is None or ask is None) and price is not None:
        spread = door.score(where, given, "spread_bps")
        if spread is None:
            spread = limits.full_size_spread_bps
            warnings.append(f"no spread given: {spread:g} bps around the price assumed")
        half = price * Decimal(repr(spread)) / 20_000
        bid, ask = price - half, price + half
        warnings.append("bid and ask were derived from the price")
    volatility = door.score(where, given, "volatility")
    baseline = door.score(where, given, "volatility_baseline")
    if baseline is None and volatility is not None:
        baseline = usual_volatility
        if baseline is None:
            baseline = volatility
            warnings.append("first volatility seen of this symbol: it is taken as the usual one")
    return MarketView(
        symbol=symbol,
        as_of=door.moment(where, given, "timestamp") or now,
        bid=bid,
        ask=ask,
        last=price,
        mark=door.money(where, given, "mark"),
        index=door.money(where, given, "index"),
        bids=_levels(door, given, "bids"),
        asks=_levels(door, given, "asks"),
        bid_depth=door.money(where, given, "bid_depth"),
        ask_depth=door.money(where, given, "ask_depth"),
        volatility=volatility,
        volatility_baseline=baseline,
        volume_24h=door.money(where, given, "volume_24h"),
        funding_rate=door.score(where, given, "funding_rate"),
    )


def _levels(
    door: InputDoor, given: Mapping[str, Any], key: str
) -> tuple[tuple[Decimal, Decimal], ...]:
    levels = given.get(key)
    try:
        return tuple(
            (parse_plain_decimal(as_plain(price)), parse_plain_decimal(as_plain(qty)))
            for price, qty in (() if levels is None else levels)
        )
    except (TypeError, ValueError):
        door.wrong(f"market_data.{key}", "must be pairs of price and quantity")
        return ()


def _instrument(
    door: InputDoor,
    symbol: str,
    given: Mapping[str, Any],
    now: datetime,
    limits: RiskLimits,
    warnings: list[str],
) -> InstrumentView:
    where = "market_data"
    step = door.money(where, given, "qty_step")
    if step is None:
        warnings.append(f"no trading rules given: lots of {_STEP:f} and no minimum assumed")
    minimum = door.money(where, given, "min_qty")
    return InstrumentView(
        symbol=symbol,
        tick_size=door.money(where, given, "tick_size") or _STEP,
        qty_step=step or _STEP,
        min_qty=minimum if minimum is not None else step or _STEP,
        max_qty=door.money(where, given, "max_qty") or Decimal(10) ** 18,
        min_notional=door.money(where, given, "min_notional") or Decimal(0),
        max_leverage=door.money(where, given, "max_leverage") or limits.max_leverage,
        status=str(given.get("status", "Trading")),
        refreshed_at=door.moment(where, given, "instrument_refreshed_at") or now,
    )
