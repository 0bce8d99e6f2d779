"""The order rate: a moving window with a queue. Pure; the clock is passed in.

It serves a single process while Redis is away. `rate_limiter_scripts.py` does the same in Redis for
all processes, and a test compares the two. Times are whole milliseconds of any clock that only goes
forward, so that both compute the same.
"""

from collections import deque
from dataclasses import dataclass

WINDOW_MS = 1_050
"""The window. Bybit counts over a rolling second; the margin allows for unequal travel times of
orders. An order that takes longer ends in a 10006, which takes nothing."""
GRACE_MS = 10_000
"""How late a caller may claim its place, because a message may be lost and exits may delay it for
seconds. An abandoned place only delays the orders behind it."""


@dataclass(frozen=True, slots=True)
class Caps:
    """The caps in orders per window: for all orders together, and for ordinary ones."""

    every: int
    ordinary: int

    def of(self, *, is_exit: bool) -> int:
        """The cap that applies to an order, in orders per window."""
        return self.every if is_exit else self.ordinary


def shared_caps(orders_per_second: int, exit_reserve: int) -> Caps:
    """The caps of all processes together."""
    every = max(1, orders_per_second)
    return Caps(every, max(1, every - exit_reserve))


def own_caps(orders_per_second: int, exit_reserve: int, processes: int) -> Caps:
    """The caps of each process by itself, so that all processes stay within the whole.

    Each process gets at least one order per window, so that every one can exit. With more processes
    than orders per second, the bound of all is the number of processes.
    """
    every = max(1, orders_per_second // processes)
    reserve = -(-exit_reserve // processes)
    return Caps(every, max(1, every - reserve))


class OrderWindow:
    """Grants at most `cap` orders in any window; a refused order gets a place in a queue.

    Places are `window / cap` apart, so that a burst drains at the full rate and no order asks in
    vain. A place sets the order of waiting; only past sends decide whether an order may go. Exits
    wait only for other exits: they overtake everything ordinary.
    """

    def __init__(self, *, closed_until: int = 0) -> None:
        self._closed_until = closed_until
        self._sent: deque[int] = deque()
        self._exits: dict[str, int] = {}
        self._ordinary: dict[str, int] = {}

    def take(self, now: int, order: str, caps: Caps, *, is_exit: bool) -> int:
        """The milliseconds to the order's place; 0 when it may go now and is counted."""
        self._drop_past(now)
        cap = caps.of(is_exit=is_exit)
        queue = self._exits if is_exit else self._ordinary
        place = queue.get(order)
        if place is None:
            return self._arrive(now, order, cap, is_exit=is_exit)
        if place > now:
            return place - now
        free = self._free_at(now, cap)
        if free > now:
            # The order keeps its place; those before it come first.
            senior = sum(other < place for other in queue.values())
            return free - now + senior * _spacing(cap)
        del queue[order]
        self._sent.append(now)
        return 0

    def close_until(self, moment: int) -> None:
        """Blocks all orders until a moment; an earlier moment than a former one changes nothing."""
        self._closed_until = max(self._closed_until, moment)

    def sent_within(self, now: int) -> int:
        """The number of orders in the window that ends now."""
        self._drop_past(now)
        return len(self._sent)

    def _arrive(self, now: int, order: str, cap: int, *, is_exit: bool) -> int:
        place = self._free_at(now, cap)
        queues = (self._exits,) if is_exit else (self._exits, self._ordinary)
        ahead = [other for queue in queues for other in queue.values() if other > now]
        if ahead:
            place = max(place, max(ahead) + _spacing(cap))
            # The orders ahead will have gone by then; there must be room for one more after them.
            index = len(self._sent) + len(ahead) - cap
            if 0 <= index < len(self._sent):
                place = max(place, self._sent[index] + WINDOW_MS)
        if place <= now:
            self._sent.append(now)
            return 0
        (self._exits if is_exit else self._ordinary)[order] = place
        return place - now

    def _free_at(self, now: int, cap: int) -> int:
        excess = len(self._sent) - cap
        leaves = self._sent[excess] + WINDOW_MS if excess >= 0 else now
        return max(now, leaves, self._closed_until)

    def _drop_past(self, now: int) -> None:
        while self._sent and self._sent[0] <= now - WINDOW_MS:
            self._sent.popleft()
        for queue in (self._exits, self._ordinary):
            for order in [key for key, place in queue.items() if place < now - GRACE_MS]:
                del queue[order]


class AllowedRate:
    """Lets at most `cap` go in any window. A waiting caller is not counted and asks again."""

    def __init__(self) -> None:
        self._closed_until = 0
        self._sent: deque[int] = deque()

    def take(self, now: int, cap: int) -> int:
        """The milliseconds to wait; 0 when it may go and is counted."""
        while self._sent and self._sent[0] <= now - WINDOW_MS:
            self._sent.popleft()
        excess = len(self._sent) - cap
        leaves = self._sent[excess] + WINDOW_MS if excess >= 0 else now
        wait = max(now, leaves, self._closed_until) - now
        if wait == 0:
            self._sent.append(now)
        return wait

    def close_until(self, moment: int) -> None:
        """Blocks all until a moment; an earlier moment than a former one changes nothing."""
        self._closed_until = max(self._closed_until, moment)


def _spacing(cap: int) -> int:
    return -(-WINDOW_MS // cap)
