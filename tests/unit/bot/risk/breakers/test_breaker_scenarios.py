"""Every row of `tests/scenarios/breakers.yaml`."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.risk.breakers.equity import daily_loss, losing_streak
from bot.risk.breakers.history import ClosedTrade, Cooldown, LowProfit, StoplossGuard
from bot.risk.breakers.locks import Lock, LockBook, LockSide
from bot.risk.breakers.throttle import SlidingWindow

SCENARIOS: dict[str, list[dict[str, Any]]] = yaml.safe_load(
    (Path(__file__).parents[5] / "tests" / "scenarios" / "breakers.yaml").read_text()
)
NOW = datetime(2025, 6, 1, 12, 0, tzinfo=UTC)
BOTH, LONG, SHORT = LockSide.BOTH, LockSide.LONG, LockSide.SHORT


def test_the_file_has_no_section_that_is_not_asserted_here() -> None:
    assert set(SCENARIOS) == {
        "stoploss_guard_global",
        "cooldown",
        "cooldown_unlock_at",
        "low_profit",
        "lock_algebra",
        "throttle_properties",
        "boundaries",
    }


def _stopped(text: str) -> ClosedTrade:
    symbol, minutes = re.fullmatch(r"(\w+) closed (\d+)", text).groups()  # type: ignore[union-attr]
    at = NOW - timedelta(minutes=int(minutes))
    return ClosedTrade(f"{symbol}USDT", LONG, at, Decimal("-0.05"), stopped_out=True)


def test_the_stoploss_guard_locks_at_its_limit_and_not_twice_for_the_same_trades() -> None:
    guard = StoplossGuard(timedelta(minutes=60), 3, timedelta(minutes=40))
    trades: list[ClosedTrade] = []
    lock: Lock | None = None
    for row in SCENARIOS["stoploss_guard_global"]:
        if "wait_until" in row:
            assert lock is not None
            lock = guard.judge(trades, lock.until + timedelta(minutes=5))
        else:
            trades += [_stopped(text) for text in row["add"]]
            lock = guard.judge(trades, NOW)
        assert (lock is not None) is row["locked"], row
        if "until" in row:
            assert lock is not None
            latest = max(trade.closed_at for trade in trades)
            assert lock.until == latest + timedelta(minutes=40)


def test_a_cooldown_locks_its_symbol_only() -> None:
    (row,) = SCENARIOS["cooldown"]
    trades = [_stopped(text) for text in row["add"]]
    cooldown = Cooldown(timedelta(minutes=60))
    book = LockBook()
    for name, locked in row["locked"].items():
        book.add(cooldown.judge(trades, NOW, f"{name}USDT"))
        assert (book.locked(f"{name}USDT", NOW) is not None) is locked
    assert (book.locked_globally(NOW) is not None) is row["global"]


def _clock(text: str, after: datetime) -> datetime:
    hour, minute = map(int, text.split(":"))
    moment = after.replace(hour=hour, minute=minute)
    return moment if moment >= after else moment + timedelta(days=1)


@pytest.mark.parametrize("row", SCENARIOS["cooldown_unlock_at"], ids=lambda row: row["closed"])
def test_a_cooldown_until_a_time_of_day_ends_with_its_candle(row: dict[str, Any]) -> None:
    midnight = NOW.replace(hour=0)
    closed = _clock(row["closed"], midnight)
    trade = ClosedTrade("XRPUSDT", LONG, closed, Decimal("-0.05"))
    cooldown = Cooldown(unlock_hour=5, candle=timedelta(minutes=5))
    for text in row["locked_at"]:
        assert cooldown.judge([trade], _clock(text, closed), "XRPUSDT") is not None, text
    for text in row["free_at"]:
        assert cooldown.judge([trade], _clock(text, closed), "XRPUSDT") is None, text


def _with_profit(text: str) -> ClosedTrade:
    side, percent, minutes = re.fullmatch(  # type: ignore[union-attr]
        r"(long|short) ([+-]\d+) % closed (\d+)", text
    ).groups()
    at = NOW - timedelta(minutes=int(minutes))
    return ClosedTrade("XRPUSDT", LockSide(side), at, Decimal(percent) / 100)


def test_low_profit_sums_both_sides_or_one() -> None:
    rule = LowProfit(timedelta(minutes=400), 2, Decimal(0), timedelta(minutes=60))
    # The later rows' locks are counted from a close 10 minutes ago; look while they hold.
    trades: list[ClosedTrade] = []
    for row in SCENARIOS["low_profit"]:
        trades += [_with_profit(text) for text in row["add"]]
        expected = row["locked"]
        if not isinstance(expected, dict):
            expected = {"both": expected, "long_only": expected}
        whole = rule.judge(trades, NOW, "XRPUSDT")
        by_side = rule.judge(trades, NOW, "XRPUSDT", LONG)
        assert (whole is not None) is expected["both"], row
        assert (by_side is not None) is expected["long_only"], row


def test_low_profit_of_one_symbol_says_nothing_of_another() -> None:
    trades = [_with_profit("long -10 % closed 30"), _with_profit("long -10 % closed 20")]
    assert LowProfit().judge(trades, NOW, "XRPUSDT") is not None
    assert LowProfit().judge(trades, NOW, "ETHUSDT") is None


def _lock(text: str) -> Lock:
    until = NOW + timedelta(hours=2)
    if text.startswith("until"):
        return Lock(_clock(text.split()[1], NOW), "row", "XRPUSDT")
    side = LONG if text.endswith("long") else BOTH
    return Lock(until, "row", None if text == "global" else "XRPUSDT", side)


@pytest.mark.parametrize("row", SCENARIOS["lock_algebra"], ids=lambda row: row["lock"])
def test_a_lock_covers_what_it_names_and_nothing_else(row: dict[str, Any]) -> None:
    book = LockBook([_lock(row["lock"])])
    if row.get("true_for") == "every pair":
        assert all(book.locked(s, NOW) for s in ("XRPUSDT", "ETHUSDT", "BTCUSDT"))
        assert book.locked_globally(NOW)
        return
    for name in row.get("true_for", ()):
        assert book.locked("XRPUSDT", NOW, LockSide(name)), name
    for name in row.get("false_for", ()):
        assert book.locked("XRPUSDT", NOW, LockSide(name)) is None, name
    for text in row.get("true_at", ()):
        assert book.locked("XRPUSDT", NOW.replace(hour=0) + _of_day(text)), text
    for text in row.get("false_at", ()):
        assert book.locked("XRPUSDT", NOW.replace(hour=0) + _of_day(text)) is None, text
    assert book.locked("ETHUSDT", NOW) is None


def _of_day(text: str) -> timedelta:
    hour, minute = map(int, text.split(":"))
    return timedelta(hours=hour, minutes=minute)


@pytest.mark.parametrize("row", SCENARIOS["boundaries"], ids=str)
def test_the_limit_itself_trips(row: dict[str, Any]) -> None:
    if "losses" in row:
        tripped = losing_streak(row["losses"], row["max_consecutive_losses"])
    else:
        limit = Decimal(str(row["daily_loss_limit"]))
        start, now = Decimal(row["equity_start"]), Decimal(row["equity_now"])
        tripped = daily_loss(start, now, limit) is not None
    assert tripped is row["tripped"]


def test_a_clock_that_goes_back_frees_nothing_early() -> None:
    throttle = SlidingWindow(1, timedelta(seconds=1))
    assert throttle.take(NOW).allowed
    assert not throttle.take(NOW - timedelta(hours=1)).allowed
    assert not throttle.take(NOW + timedelta(milliseconds=999)).allowed
    assert throttle.take(NOW + timedelta(seconds=1)).allowed
    lock = Lock(NOW + timedelta(hours=1), "any")
    assert LockBook([lock]).locked("XRPUSDT", NOW - timedelta(hours=1))
