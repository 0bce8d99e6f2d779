"""The time after which silence proves that an order was never taken."""

from datetime import timedelta

MARGIN = timedelta(seconds=5)
"""After recv_window and this margin, an order that can't be found was not taken at the gateway."""
RESEND = timedelta(seconds=2)
"""The time for a re-send once the absence is proven: a task, a claim and the post."""
RECV_WINDOW = timedelta(seconds=5)
"""The widest window with which orders may be sent (Bybit's default)."""
CLOCK_OFFSET = timedelta(seconds=1)
"""The most by which the clock of any exchange may differ from ours."""
LAST_SLICE_GRACE = RECV_WINDOW + MARGIN + RESEND
"""The last slice keeps at least this long for a re-send after an unknown outcome."""


def proven_after(recv_window_ms: int) -> timedelta:
    """The time after its sending from which an order that can't be found counts as never taken."""
    return timedelta(milliseconds=recv_window_ms) + MARGIN


def require_room(recv_window_ms: int) -> None:
    """Raises ValueError for a window so wide that the last slice could never be sent again."""
    if proven_after(recv_window_ms) + RESEND > LAST_SLICE_GRACE:
        raise ValueError(
            f"recv_window_ms of {recv_window_ms} is too wide: the last slice of a schedule keeps "
            f"{LAST_SLICE_GRACE.total_seconds():g} s for a re-send; use at most "
            f"{RECV_WINDOW // timedelta(milliseconds=1)}"
        )
