"""Minute bars of some symbols in this process' memory, completed from the exchange."""

import logging
from dataclasses import dataclass, field
from datetime import datetime

from bot.errors import MlriskError, RetryLater
from bot.market.bars import MinuteSource
from bot.market.volume.minutes import Row, row_of, since_last_outage
from bot.market.volume.panel import DAY_MINUTES, Bars, minute_of, moment_of

log = logging.getLogger(__name__)

KEPT_MINUTES = 7 * DAY_MINUTES
"""The kept history, longer than any parent lives; a symbol's week takes about 2 MB."""


class NoHistory(RetryLater):
    """The exchange's minutes don't tell enough of the market right now."""


@dataclass(slots=True)
class _Minutes:
    rows: dict[int, Row] = field(default_factory=dict)
    asked_in: int | None = None
    """The minute of the last question, answered or not."""
    failed_in: int | None = None
    """The minute of the last failed read; the exchange is not asked again in it."""
    asked_from: int | None = None
    """The earliest minute that the exchange ever answered for."""


class VolumeHistory:
    """The bars of one process. It reads at most once per symbol and minute, except for an older
    past.

    A caller therefore waits for a slow exchange once a minute, not at every step.
    """

    def __init__(self, source: MinuteSource) -> None:
        self._source = source
        self._symbols: dict[str, _Minutes] = {}

    def bars(self, symbol: str, since: datetime, now: datetime) -> Bars:
        """Finished minutes from `since` on, or as many as the exchange has, without gaps.

        A failed read leaves the known bars. Raises NoHistory, or the read's error, when there are
        none.
        """
        known = self._symbols.setdefault(symbol, _Minutes())
        first, minute = minute_of(since), minute_of(now)
        start = _to_ask(known, first, minute)
        if start is not None:
            self._ask(symbol, known, start, now)
        return _bars(symbol, known, first, minute)

    def remembered(self, symbol: str, since: datetime, now: datetime) -> Bars:
        """`bars` without asking the exchange."""
        known = self._symbols.get(symbol, _Minutes())
        return _bars(symbol, known, minute_of(since), minute_of(now))

    def _ask(self, symbol: str, known: _Minutes, start: int, now: datetime) -> None:
        known.asked_in = minute_of(now)
        try:
            found = self._source.minute_bars(symbol, moment_of(start), now)
        except MlriskError as error:
            known.failed_in = known.asked_in
            if not known.rows:
                raise
            log.warning(
                "the bars of a symbol can't be read: %s",
                error,
                extra={"event": "minutes_cant_be_read", "symbol": symbol},
            )
            return
        known.asked_from = start if known.asked_from is None else min(start, known.asked_from)
        known.rows.update(row_of(bar) for bar in found)
        oldest = minute_of(now) - KEPT_MINUTES
        if known.rows and min(known.rows) < oldest:
            known.rows = {minute: row for minute, row in known.rows.items() if minute >= oldest}


def _to_ask(known: _Minutes, first: int, minute: int) -> int | None:
    """The first minute to ask for; None where nothing is missing or it was just asked."""
    if known.failed_in == minute:
        return None
    if known.asked_from is not None and first < known.asked_from:
        return first
    if known.asked_in == minute:
        return None
    newest = max(known.rows, default=None)
    if newest is None:
        return first
    return newest + 1 if newest + 1 < minute else None


def _bars(symbol: str, known: _Minutes, first: int, end: int) -> Bars:
    rows = sorted((m, row) for m, row in known.rows.items() if first <= m < end)
    try:
        return since_last_outage(symbol, rows)
    except ValueError as error:
        raise NoHistory(f"no bars of {symbol} are usable: {error}") from error
