"""When silence proves that an order was never taken, and who must leave time for that proof."""

from datetime import timedelta

MARGIN = timedelta(seconds=5)
"""After recv_window and this margin an order that nobody can see was not taken at the gateway."""
RESEND = timedelta(seconds=2)
"""What a re-send takes once the absence is proven: a wake-up, a claim and the post."""
RECV_WINDOW = timedelta(seconds=5)
"""The widest window with which orders may be sent (Bybit's default)."""
LAST_SLICE_GRACE = RECV_WINDOW + MARGIN + RESEND
"""The last slice keeps at least this long for a re-send after an unknown outcome."""


def proven_after(recv_window_ms: int) -> timedelta:
    """How long after its sending an order that can't be found counts as never taken."""
    return timedelta(milliseconds=recv_window_ms) + MARGIN


def require_room(recv_window_ms: int) -> None:
    """Refuses a window so wide that the last slice's re-send could never come: ValueError."""
    if proven_after(recv_window_ms) + RESEND > LAST_SLICE_GRACE:
        raise ValueError(
            f"recv_window_ms of {recv_window_ms} is too wide: the last slice of a schedule keeps "
            f"{LAST_SLICE_GRACE.total_seconds():g} s for a re-send; use at most "
            f"{RECV_WINDOW // timedelta(milliseconds=1)}"
        )
