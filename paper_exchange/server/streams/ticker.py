"""Ticker records of REST and stream."""

import math
from decimal import Decimal
from typing import Any

from paper_exchange.server.venue.venue import Key, Venue
from paper_exchange.server.wire import plain
from paper_exchange.types import InstrumentSpec

OPEN_INTEREST_STEPS = 10_000_000
OPEN_INTEREST_SWING = 0.05
OPEN_INTEREST_PERIODS_MS = (86_400_000 * 7, 86_400_000, 3_600_000 * 5)


def open_interest(spec: InstrumentSpec, now_ms: int) -> Decimal:
    """Open interest in base coin.

    No source tells it, so that a number of steps stands for it. The number swings by up to 5 % with
    periods of a week, a day and five hours. Clients see it move, and all see the same value at the
    same time.
    """
    turns = [now_ms % period / period for period in OPEN_INTEREST_PERIODS_MS]
    waves = sum(math.sin(math.tau * turn) for turn in turns)
    share = 1 + OPEN_INTEREST_SWING * waves / len(OPEN_INTEREST_PERIODS_MS)
    return round(OPEN_INTEREST_STEPS * share) * spec.qty_step


def next_funding_ms(now_ms: int, interval_minutes: int) -> int:
    """The next funding time after `now_ms`, in milliseconds since 1970."""
    length = interval_minutes * 60_000
    return now_ms - now_ms % length + length


def ticker_record(venue: Venue, key: Key, *, full: bool) -> dict[str, Any]:
    """A ticker record, all fields as text. `full` adds the fields that only REST has."""
    spec, tape = venue.specs[key], venue.tapes[key]
    bids, asks = venue.engine.book(*key, 1)
    price, qty = tape.price_text, tape.qty_text
    last = tape.last_price or (bids[0][0] if bids else asks[0][0] if asks else 0)
    day = {
        "prevPrice24h": price(last),
        "price24hPcnt": "0",
        "highPrice24h": price(last),
        "lowPrice24h": price(last),
        "prevPrice1h": price(last),
        "turnover24h": "0",
        "volume24h": "0",
        **tape.day(venue.now_ms),
    }
    record: dict[str, Any] = {"symbol": spec.symbol, "lastPrice": price(last)}
    index = tape.index_price or tape.mark_price or last * spec.tick_size
    if spec.category == "spot":
        hourly = day.pop("prevPrice1h")
        record |= {**day, "usdIndexPrice": plain(index)}
        if full:
            record |= _quotes(bids, asks, price, qty)
            record["prevPrice1h"] = hourly
        return record
    mark = tape.mark_price or last * spec.tick_size
    interest = open_interest(spec, venue.now_ms)
    record |= day | {
        "tickDirection": tape.tick_direction,
        "markPrice": plain(mark.quantize(spec.tick_size)),
        "indexPrice": plain(index),
        "openInterest": plain(interest),
        "openInterestValue": plain((interest * mark).quantize(Decimal("0.01"))),
        "singleOpenInterest": plain(interest / 2),
        "singleOpenInterestValue": plain((interest / 2 * mark).quantize(Decimal("0.01"))),
        "fundingRate": plain(tape.funding_rate or Decimal("0.0001")),
        "nextFundingTime": str(next_funding_ms(venue.now_ms, spec.funding_interval_minutes)),
        "fundingIntervalHour": str(spec.funding_interval_minutes // 60),
        "fundingCap": "0.00375",
        **_quotes(bids, asks, price, qty),
        "preOpenPrice": "",
        "preQty": "",
        "curPreListingPhase": "",
    }
    if full:
        del record["tickDirection"]
        record |= {
            "predictedDeliveryPrice": "",
            "basisRate": "",
            "basis": "",
            "basisRateYear": "",
            "deliveryFeeRate": "",
            "deliveryTime": "0",
        }
    return record


def _quotes(
    bids: list[tuple[int, int]], asks: list[tuple[int, int]], price: Any, qty: Any
) -> dict[str, str]:
    return {
        "bid1Price": price(bids[0][0]) if bids else "",
        "bid1Size": qty(bids[0][1]) if bids else "",
        "ask1Price": price(asks[0][0]) if asks else "",
        "ask1Size": qty(asks[0][1]) if asks else "",
    }
