"""Checks on the market that the trade goes into."""

from decimal import Decimal
from math import inf, isfinite

from bot.risk.book import positive
from bot.risk.checks.breach import ASK, EQUITY, HAIR, MID, Case, before
from bot.risk.checks.check import check
from bot.risk.checks.outcome import at_most, below, capped, failed, passed, unknown, young
from bot.risk.decision import CheckResult
from bot.risk.exposure import Exposure
from bot.risk.limits import RiskLimits
from bot.risk.rule import Rule, Sense
from bot.risk.snapshot import MarketView, RiskSnapshot, TradeIntent
from models.enums import TradeBlockReason as Why

REFERENCE = Rule("reference_price", Why.DATA_MISSING, "the price to trade at", Sense.IS)


@check(REFERENCE, breach=lambda case, _: case.trading(ask=None))
def reference_price(
    _intent: TradeIntent, exposure: Exposure, _snapshot: RiskSnapshot, _limits: RiskLimits
) -> CheckResult:
    """The touch exists: the ask for buys, the bid for sells, of an uncrossed book."""
    side = "ask" if exposure.sign > 0 else "bid"
    if exposure.reference is None:
        return unknown(REFERENCE, f"there is no {side}; {exposure.price_source} is no substitute")
    if exposure.mid is None:
        return unknown(REFERENCE, "the book is crossed or has one side only")
    return passed(REFERENCE, exposure.reference, None, exposure.market_age)


AGE = Rule("data_age", Why.DATA_STALE, "the market data's age", Sense.AT_MOST, "s")


@check(
    AGE,
    limit="max_market_age_seconds",
    breach=lambda case, its: case.trading(as_of=before(its.max_market_age_seconds + 1)),
)
def data_age(
    _intent: TradeIntent, exposure: Exposure, _snapshot: RiskSnapshot, limits: RiskLimits
) -> CheckResult:
    """The market view is young enough; in seconds."""
    age, limit = exposure.market_age, limits.max_market_age_seconds
    return young(AGE, age, limit, limits.max_clock_skew_seconds, shown=True)


VOLATILITY = Rule(
    "volatility_regime",
    Why.MARKET_CONDITIONS_ADVERSE,
    "volatility over its baseline",
    Sense.BELOW,
    "x",
)


@check(
    VOLATILITY,
    limit="max_volatility_ratio",
    breach=lambda case, its: case.trading(volatility=0.01 * its.max_volatility_ratio),
)
def volatility_regime(
    _intent: TradeIntent, exposure: Exposure, snapshot: RiskSnapshot, limits: RiskLimits
) -> CheckResult:
    """The present volatility, as a multiple of the usual one, stays under its limit."""
    ratio = volatility_ratio(snapshot.market)
    return below(VOLATILITY, ratio, limits.max_volatility_ratio, exposure.market_age)


def volatility_ratio(market: MarketView | None) -> float | None:
    """Volatility over its own baseline; None when either is missing or no positive number."""
    if market is None or market.volatility is None or market.volatility_baseline is None:
        return None
    if not (market.volatility > 0.0 and 0.0 < market.volatility_baseline < inf):
        return None
    return market.volatility / market.volatility_baseline


SPREAD = Rule("spread", Why.MARKET_CONDITIONS_ADVERSE, "the spread", Sense.AT_MOST, "bps")


def _wide_spread(case: Case, limits: RiskLimits) -> Case:
    half = MID * Decimal(repr(limits.max_spread_bps)) * HAIR / 20_000
    bid, ask = MID - half, MID + half
    deep = EQUITY * EQUITY
    return case.trading(bid=bid, ask=ask, bids=((bid, deep),), asks=((ask, deep),))


@check(SPREAD, limit="max_spread_bps", breach=_wide_spread)
def spread(
    _intent: TradeIntent, exposure: Exposure, _snapshot: RiskSnapshot, limits: RiskLimits
) -> CheckResult:
    """The distance from best bid to best offer is bounded; in basis points of the middle."""
    return at_most(SPREAD, exposure.spread_bps, limits.max_spread_bps, exposure.market_age)


DEPTH = Rule(
    "depth", Why.LIQUIDITY_INSUFFICIENT, "the size against the book's depth", Sense.AT_MOST, "USDT"
)


def _thin_book(case: Case, limits: RiskLimits) -> Case:
    return case.trading(ask_depth=case.notional / limits.max_depth_share / 2)


@check(DEPTH, limit="max_depth_share", breach=_thin_book)
def depth(
    _intent: TradeIntent, exposure: Exposure, snapshot: RiskSnapshot, limits: RiskLimits
) -> CheckResult:
    """A child order takes at most a share of the depth near the mid on its opposite side."""
    market = snapshot.market
    resting = None
    if market is not None:
        resting = positive(market.ask_depth if exposure.sign > 0 else market.bid_depth)
    if resting is None:
        return unknown(DEPTH, "the book's depth is missing")
    limit = resting * limits.max_depth_share
    return capped(
        DEPTH,
        exposure.child_notional,
        limit,
        limit * exposure.slices,
        exposure.opening_notional,
        exposure.market_age,
    )


MARK = Rule("mark_deviation", Why.MARKET_CONDITIONS_ADVERSE, "the distance to mark", Sense.AT_MOST)


def _away_from_mid(deviation: float) -> Decimal:
    """A price from which the mid is just further away than this share of it."""
    return MID / (1 + Decimal(repr(deviation)) * HAIR)


@check(
    MARK,
    limit="max_mark_deviation",
    breach=lambda case, its: case.trading(mark=_away_from_mid(its.max_mark_deviation)),
)
def mark_deviation(
    _intent: TradeIntent, exposure: Exposure, snapshot: RiskSnapshot, limits: RiskLimits
) -> CheckResult:
    """The middle of the book is near the exchange's mark price; a share of the mark."""
    mark = None if snapshot.market is None else snapshot.market.mark
    return at_most(
        MARK, _deviation(exposure.mid, mark), limits.max_mark_deviation, exposure.market_age
    )


INDEX = Rule(
    "index_deviation", Why.MARKET_CONDITIONS_ADVERSE, "the distance to index", Sense.AT_MOST
)


@check(
    INDEX,
    limit="max_index_deviation",
    breach=lambda case, its: case.trading(index=_away_from_mid(its.max_index_deviation)),
)
def index_deviation(
    _intent: TradeIntent, exposure: Exposure, snapshot: RiskSnapshot, limits: RiskLimits
) -> CheckResult:
    """The middle of the book is near the index price; a share of the index."""
    index = None if snapshot.market is None else snapshot.market.index
    return at_most(
        INDEX, _deviation(exposure.mid, index), limits.max_index_deviation, exposure.market_age
    )


LIMIT_PRICE = Rule(
    "limit_price", Why.MARKET_CONDITIONS_ADVERSE, "how far the limit price crosses", Sense.AT_MOST
)


def _far_limit_price(case: Case, limits: RiskLimits) -> Case:
    price = ASK * (1 + Decimal(repr(limits.max_limit_price_deviation)) * HAIR)
    return case.intending(limit_price=price.quantize(Decimal("0.0001")))


@check(LIMIT_PRICE, limit="max_limit_price_deviation", breach=_far_limit_price)
def limit_price(
    intent: TradeIntent, exposure: Exposure, _snapshot: RiskSnapshot, limits: RiskLimits
) -> CheckResult:
    """The limit price is not far through the market, which would be a typing error."""
    price, reference = intent.limit_price, exposure.reference
    if price is None:
        return passed(LIMIT_PRICE, "none", limits.max_limit_price_deviation)
    if reference is None:
        return unknown(LIMIT_PRICE, "there is no price to compare with")
    if not price > 0:
        return failed(LIMIT_PRICE, price, "a positive price")
    crossing = max(0.0, float((price - reference) / reference) * exposure.sign)
    return at_most(LIMIT_PRICE, crossing, limits.max_limit_price_deviation)


FUNDING = Rule(
    "funding", Why.MARKET_CONDITIONS_ADVERSE, "the funding that this side pays", Sense.AT_MOST
)


def _costly_funding(case: Case, limits: RiskLimits) -> Case | None:
    rate = limits.max_funding_rate * 1.05 + 1e-9
    return case.trading(funding_rate=rate)


@check(FUNDING, limit="max_funding_rate", breach=_costly_funding)
def funding(
    _intent: TradeIntent, exposure: Exposure, snapshot: RiskSnapshot, limits: RiskLimits
) -> CheckResult:
    """The funding rate that this side pays is bounded. Longs pay a positive rate, shorts a negative
    one."""
    rate = None if snapshot.market is None else snapshot.market.funding_rate
    if rate is None or not isfinite(rate):
        return unknown(FUNDING, "the funding rate is missing", limit=limits.max_funding_rate)
    paid = max(0.0, rate * exposure.sign)
    return at_most(FUNDING, paid, limits.max_funding_rate, exposure.market_age)


def _deviation(mid: Decimal | None, other: Decimal | None) -> float | None:
    compared = positive(other)
    if mid is None or compared is None:
        return None
    return abs(float((mid - compared) / compared))
