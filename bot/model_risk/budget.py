"""The budget of false alarms about models, for the whole system, and each stream's part of it."""

from datetime import timedelta

STREAMS = 20
"""The budget is split over so many streams, or over all if there are more. A stream is a model
version of a strategy in a symbol."""
SHRINK_EVERY = timedelta(days=30)
"""At most one false alarm that shrinks sizes in this time, over all streams."""
STOP_EVERY = timedelta(days=91)
"""At most one false alarm that stops a strategy in this time, over all streams."""
LONGEST_PAUSE = timedelta(days=1)
"""A pause between two predictions counts up to this long, so that one label after a year is not
a year's stake."""


SHRINK_AT = 1.0
"""The sum of a lane from which sizes shrink."""
STOP_AT = STOP_EVERY / SHRINK_EVERY
"""The sum from which the strategy is stopped. Stakes of a month that reach it are stakes of a
quarter that reach one."""


def stake(since_last: timedelta | None, streams: int) -> float:
    """The stake of a prediction that comes so long after the stream's last one; None for its
    first, which stakes as much as after a pause of a day."""
    pause = LONGEST_PAUSE if since_last is None else since_last
    pause = min(max(pause, timedelta(0)), LONGEST_PAUSE)
    return pause / SHRINK_EVERY / max(streams, STREAMS)
