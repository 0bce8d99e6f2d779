"""How often and how soon a stream is connected again."""

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reconnects:
    """Times of a stream, in seconds."""

    connect: float = 10.0
    """The time for the connection, and again for the acknowledgements."""
    silence: float = 45.0
    """The longest silence, pongs included: two ping periods and a bit."""
    data_silence: float | None = None
    """The longest time without data; only for streams that always have some."""
    refused_first: float = 30.0
    refused_last: float = 600.0
    """The longest pause before a refused symbol is asked for again; it may be listed later."""
    backoff_first: float = 1.0
    backoff_last: float = 5.0
    """The longest pause between attempts. Without a market nothing is sent, so it is short."""
    stable: float = 30.0
    """A connection that lived this long resets the pauses to the first one."""

    def pause(self, failures: int) -> float:
        """Half of it is random, so that all streams of a fleet don't come back at once. Bybit
        allows 500 connections in five minutes: two streams make 240 at most."""
        longest = min(self.backoff_first * 2.0 ** min(failures, 16), self.backoff_last)
        return longest * random.uniform(0.5, 1.0)


# orderbook.50 pushes every 20 ms; 15 s without a frame is not a quiet market.
PUBLIC_PACE = Reconnects(data_silence=15.0)
