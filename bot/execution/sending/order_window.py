"""How many orders fit into a second: a moving window with a queue, pure, the clock passed in.

It serves a process alone when Redis is away, and `budget_scripts.py` does the same in Redis for
all processes; a test holds the two against each other. Times are whole milliseconds of any clock
that only goes forward, so that both compute the same.
"""

from collections import deque
from dataclasses import dataclass

WINDOW_MS = 1_050
"""Bybit counts over a rolling second. The margin is for orders that take unequally long from
here to the exchange; one that is longer under way ends in a 10006, which takes nothing."""
GRACE_MS = 10_000
"""How late a caller may claim its place: a wake-up may be lost, and exits may hold it up for
seconds. Whose caller never comes only lengthens the wait of who is held up, too."""


@dataclass(frozen=True, slots=True)
class Caps:
    """Orders per window: of all kinds together, and how far ordinary ones may fill it."""

    every: int
    ordinary: int

    def of(self, *, is_exit: bool) -> int:
        """The cap that applies to an order, in orders per window."""
        return self.every if is_exit else self.ordinary


def shared_caps(orders_per_second: int, exit_reserve: int) -> Caps:
    """Of all processes together."""
    every = max(1, orders_per_second)
    return Caps(every, max(1, every - exit_reserve))


def own_caps(orders_per_second: int, exit_reserve: int, processes: int) -> Caps:
    """Of each process by itself, so that all of them stay within the whole.

    At least one order per window, or nobody could ever exit: with more processes than orders per
    second the bound of all is the number of processes.
    """
    every = max(1, orders_per_second // processes)
    reserve = -(-exit_reserve // processes)
    return Caps(every, max(1, every - reserve))


class OrderWindow:
    """Grants at most `cap` orders in any window; who is refused holds a place in a queue.

    Places are `window / cap` apart, so a burst drains at the full rate and nobody comes in
    vain. A place orders the waiting; what may go is decided by what went, never by a promise.
    Exits look only at other exits: they overtake everything ordinary.
    """

    def __init__(self, *, closed_until: int = 0) -> None:
        self._closed_until = closed_until
        self._sent: deque[int] = deque()
        self._exits: dict[str, int] = {}
        self._ordinary: dict[str, int] = {}

    def take(self, now: int, order: str, caps: Caps, *, is_exit: bool) -> int:
        """0: the order may go now and is counted. Else the milliseconds to its place."""
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
            # It keeps its place; those before it come first.
            senior = sum(other < place for other in queue.values())
            return free - now + senior * _spacing(cap)
        del queue[order]
        self._sent.append(now)
        return 0

    def close_until(self, moment: int) -> None:
        """Nothing goes before; a moment that is earlier than a former one changes nothing."""
        self._closed_until = max(self._closed_until, moment)

    def sent_within(self, now: int) -> int:
        """How many went in the window that ends now."""
        self._drop_past(now)
        return len(self._sent)

    def _arrive(self, now: int, order: str, cap: int, *, is_exit: bool) -> int:
        place = self._free_at(now, cap)
        queues = (self._exits,) if is_exit else (self._exits, self._ordinary)
        ahead = [other for queue in queues for other in queue.values() if other > now]
        if ahead:
            place = max(place, max(ahead) + _spacing(cap))
            # Those ahead will have gone by then: there must be room for one more after them.
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
    """Lets at most `cap` go in any window; who has to wait is not counted, and asks again."""

    def __init__(self) -> None:
        self._closed_until = 0
        self._sent: deque[int] = deque()

    def take(self, now: int, cap: int) -> int:
        """Milliseconds to wait; 0: go, it is counted."""
        while self._sent and self._sent[0] <= now - WINDOW_MS:
            self._sent.popleft()
        excess = len(self._sent) - cap
        leaves = self._sent[excess] + WINDOW_MS if excess >= 0 else now
        wait = max(now, leaves, self._closed_until) - now
        if wait == 0:
            self._sent.append(now)
        return wait

    def close_until(self, moment: int) -> None:
        """No moment before; one that is earlier than a former one changes nothing."""
        self._closed_until = max(self._closed_until, moment)


def _spacing(cap: int) -> int:
    return -(-WINDOW_MS // cap)
