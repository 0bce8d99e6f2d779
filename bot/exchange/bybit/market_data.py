"""The market over Bybit's HTTP interface: public data, asked for without a key."""

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from statistics import median

from bot.clock import Clock
from bot.errors import ExchangeRefused
from bot.exchange.bybit import parse
from bot.exchange.bybit.config import BybitConfig
from bot.exchange.bybit.session import GuardedSession
from bot.exchange.protocol import CoinPrice, Instrument
from bot.market.bars import MINUTE, Bar

log = logging.getLogger(__name__)

# The largest pages that the endpoints take.
INSTRUMENTS_PAGE, KLINES_PAGE = 1000, 1000
PRICED_BY = ("linear", "spot")
"""The categories whose markets price a coin, in the order of trying."""
PRICE_SEARCH = timedelta(minutes=5)
"""How far back a minute's price is looked for."""
CLOCK_SAMPLES = 5
_NO_SUCH_SYMBOL = "ret_10001"


class MarketData:
    """Instruments, marks, minutes and the clock of one environment of Bybit."""

    def __init__(self, session: GuardedSession, config: BybitConfig, clock: Clock) -> None:
        self._session = session
        self._config = config
        self._clock = clock

    def instruments(self) -> Sequence[Instrument]:
        """Instruments of the settle coin. One unreadable row leaves out that one, with a log."""
        found = []
        rows = self._session.pages(
            "get_instruments_info", category=self._config.category, limit=INSTRUMENTS_PAGE
        )
        for row in rows:
            if row.get("settleCoin") != self._config.settle_coin:
                continue
            try:
                found.append(parse.instrument(row, category=self._config.category))
            except parse.UnreadableRow as error:
                log.warning(
                    "an instrument is unreadable and left out: %s",
                    error,
                    extra={"event": "instrument_left_out", "symbol": row.get("symbol")},
                )
        return found

    def marks(self) -> Mapping[str, Decimal]:
        """A symbol whose mark can't be read is left out."""
        found = {}
        for row in self._session.pages("get_tickers", category=self._config.category):
            try:
                mark = parse.positive_or_none(row, "markPrice")
                if mark is not None:
                    found[parse.text(row, "symbol")] = mark
            except parse.UnreadableRow as error:
                log.warning(
                    "a mark price is unreadable and left out: %s",
                    error,
                    extra={"event": "a_mark_is_left_out", "symbol": row.get("symbol")},
                )
        return found

    def minute_closes(self, symbol: str, *, count: int = 999) -> Sequence[tuple[datetime, Decimal]]:
        """Closing prices of the last finished minutes, oldest first; at most 999."""
        reply = self._session.read(
            "get_kline",
            category=self._config.category,
            symbol=symbol,
            interval="1",
            limit=min(count + 1, KLINES_PAGE),
        )
        rows = reply.get("list")
        if not isinstance(rows, list):
            raise parse.UnreadableRow("list", rows)
        # Newest first, and the newest, asked for on top, is still being made.
        return [parse.close(row) for row in reversed(rows[1:])]

    def minute_bars(self, symbol: str, start: datetime, end: datetime) -> Sequence[Bar]:
        """The finished minutes that touch [start, end], oldest first, of all pages."""
        return self._bars(self._config.category, symbol, start, end)

    def coin_price(self, coin: str, at: datetime) -> CoinPrice | None:
        """The coin's price in the settle coin at a moment, from one-minute bars.

        None when the exchange lists no market of it.
        """
        if coin == self._config.settle_coin:
            return CoinPrice(Decimal(1), "settle coin")
        symbol = coin + self._config.settle_coin
        for category in PRICED_BY:
            try:
                bars = self._bars(category, symbol, at - PRICE_SEARCH, at)
            except ExchangeRefused as error:
                if error.code != _NO_SUCH_SYMBOL:
                    raise
                continue
            ended = [bar for bar in bars if bar.end <= at]
            if ended:
                source = f"{category} {symbol} {ended[-1].end.isoformat()}"
                return CoinPrice(ended[-1].close, source)
        return None

    def _bars(self, category: str, symbol: str, start: datetime, end: datetime) -> Sequence[Bar]:
        now = self._clock.now()
        first = start.replace(second=0, microsecond=0)
        found: dict[datetime, Bar] = {}
        while first <= min(end, now):
            last = min(first + (KLINES_PAGE - 1) * MINUTE, end)
            reply = self._session.read(
                "get_kline",
                category=category,
                symbol=symbol,
                interval="1",
                start=parse.to_milliseconds(first),
                end=parse.to_milliseconds(last),
                limit=KLINES_PAGE,
            )
            rows = reply.get("list")
            if not isinstance(rows, list):
                raise parse.UnreadableRow("list", rows)
            found.update((bar.start, bar) for bar in map(parse.bar, rows) if bar.end <= now)
            first += KLINES_PAGE * MINUTE
        return [bar for _, bar in sorted(found.items())]

    def server_time(self) -> datetime:
        """The exchange's clock, UTC, to the microsecond."""
        result = self._session.read("get_server_time")
        nanoseconds = str(result.get("timeNano"))
        if not parse.is_digits(nanoseconds):
            raise parse.UnreadableRow("timeNano", nanoseconds)
        whole = parse.from_milliseconds(int(nanoseconds) // 1_000_000)
        return whole + timedelta(microseconds=int(nanoseconds) // 1000 % 1000)

    def clock_offset_ms(self) -> float:
        """Exchange clock minus ours: the median of CLOCK_SAMPLES."""
        return median(self._clock_sample() for _ in range(CLOCK_SAMPLES))

    def _clock_sample(self) -> float:
        before = self._clock.now()
        server = self.server_time()
        middle = before + (self._clock.now() - before) / 2
        return (server - middle) / timedelta(milliseconds=1)
