"""The last resort of `mlrisk halt`: Postgres is away, and the exchange alone is asked.

The home's journal has the halt already. Orders that workers had claimed before it may still arrive
for a while, so that everything is done twice: at once, and when the exchange takes none of them any
more.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from bot.clock import Clock
from bot.exchange.protocol import Exchange
from bot.safety.halting.direct_flattening import DirectFlattener, Journal
from bot.safety.halting.flattening import WAIT_SECONDS, FlatReport
from bot.state import halt_journal
from bot.state.halt_journal import Entries
from bot.state.scope import Scope


@dataclass(frozen=True, slots=True)
class LastResort:
    """A halt without Postgres that closes positions."""

    exchange: Exchange
    clock: Clock
    home: Path
    account: str
    scope: Scope
    halted_at: datetime
    cancel: Callable[[], str]
    """Cancels working orders at the exchange, and says what came of it."""
    sleep: Callable[[float], None] = time.sleep

    def flatten(self) -> tuple[FlatReport, str]:
        """Cancels, closes, and does both again once no claimed order can arrive any more.

        Returns the report of all closing, and what came of both cancels.
        """
        direct = DirectFlattener(
            self.exchange, self.account, self.clock, self._journal(), sleep=self.sleep
        )
        cancelled = self.cancel()
        first = direct.flatten(self.scope, wait_seconds=WAIT_SECONDS)
        self.sleep(self._acceptable_for())
        again = self.cancel()
        last = direct.flatten(self.scope, wait_seconds=WAIT_SECONDS)
        said = cancelled if again == cancelled else f"{cancelled}; then {again}"
        return _together(first, last), said

    def _acceptable_for(self) -> float:
        """The seconds in which the exchange may still take an order that was claimed before."""
        age = (self.clock.now() - self.halted_at).total_seconds()
        longest = self.exchange.recv_window_ms + self.exchange.max_clock_offset_ms
        return max(0.0, longest / 1000 - age)

    def _journal(self) -> Journal:
        """The ids of the orders follow from the oldest halt of the journal that flattens: a halt
        that is repeated sends the same ones."""
        try:
            entries = halt_journal.read(self.home)
        except OSError:
            entries = Entries()  # the flattening tells that it can't be read
        since = min((halt.at for halt in entries.halts if halt.flatten), default=self.halted_at)
        return Journal(
            since,
            read=lambda: halt_journal.read(self.home),
            note=lambda exit_: halt_journal.write(self.home, exit_),
        )


def in_words(flat: FlatReport) -> str:
    """The report of a flattening without Postgres in one line."""
    sent = f"{len(flat.requests)} closing orders sent"
    if flat.flat_at is not None:
        what = f"FLAT: the exchange reports no position; {sent}"
        what += f", {flat.stops_cancelled} protective stops cancelled"
    else:
        what = f"NOT FLAT: {', '.join(flat.left) or 'unknown positions'} remain; {sent}"
    return "; ".join([what, *flat.problems])


def _together(first: FlatReport, last: FlatReport) -> FlatReport:
    return replace(
        last,
        requests=tuple(dict.fromkeys((*first.requests, *last.requests))),
        problems=tuple(dict.fromkeys((*first.problems, *last.problems))),
        stops_cancelled=first.stops_cancelled + last.stops_cancelled,
    )
