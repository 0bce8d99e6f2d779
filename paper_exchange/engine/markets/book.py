"""The replayed order book of one instrument, less the size that our own takers have consumed.

Own impact may shift the book. Keys and sizes stay as replayed. Our prices are the replayed prices
plus `shift` ticks.
"""

from bisect import bisect_left, insort
from collections.abc import Iterator, Sequence

Level = tuple[int, int]


MAX_WAITING = 512
"""The levels of updates that wait before they go into the book without a reader."""


class SideBook:
    """One side. A key is `sign * price`, so that the best level always has the largest key.

    Keys are in a plain sorted list. An insert near the best price moves few elements. The best
    price and the first levels need no search. Updates wait until somebody reads the book, because
    most levels change again before that.
    """

    __slots__ = ("_keys", "_sizes", "_waiting", "shift", "sign", "taken")

    def __init__(self, sign: int) -> None:
        self.sign = sign
        self._sizes: dict[int, int] = {}
        self._keys: list[int] = []
        self._waiting: dict[int, int] = {}
        """Levels that have changed since the last reading, with their sizes."""
        self.taken: dict[int, int] = {}
        self.shift = 0

    @property
    def sizes(self) -> dict[int, int]:
        """The replayed sizes by price."""
        if self._waiting:
            self._enter()
        return self._sizes

    @property
    def keys(self) -> list[int]:
        """The keys of the replayed prices, the best one last."""
        if self._waiting:
            self._enter()
        return self._keys

    def replace(self, levels: Sequence[Level]) -> None:
        """Takes a snapshot. The sizes that we consumed stay consumed where a level goes on."""
        sizes = {price: size for price, size in levels if size}
        if self.taken:
            self._refresh([(price, sizes.get(price, 0)) for price in self.taken])
        self._waiting = {}
        self._sizes = sizes
        self._keys = sorted(self.sign * price for price in sizes)

    def update(self, levels: Sequence[Level]) -> None:
        """Takes absolute sizes. The size that we consumed at a level stays consumed."""
        if self.taken:
            self._refresh(levels)
        waiting = self._waiting
        waiting.update(levels)
        if len(waiting) > MAX_WAITING:
            self._enter()

    def _enter(self) -> None:
        """Enters the waiting updates into the book."""
        waiting, self._waiting = self._waiting, {}
        sizes, keys, sign = self._sizes, self._keys, self.sign
        for price, size in waiting.items():
            if size:
                if price not in sizes:
                    insort(keys, sign * price)
                sizes[price] = size
            elif price in sizes:
                del sizes[price]
                del keys[bisect_left(keys, sign * price)]

    def _refresh(self, levels: Sequence[Level]) -> None:
        """Forgets the share of a consumed size that the replay has replaced.

        A level that grows shows new size behind the consumed one. A level that shrinks loses its
        orders uniformly, those that we consumed among them. A level that ends begins anew.
        """
        taken, sizes = self.taken, self.sizes
        for price, size in levels:
            used = taken.get(price)
            old = sizes.get(price, 0)
            if used is None or size >= old:
                continue
            if size:
                taken[price] = -(-used * size // old)
            else:
                del taken[price]

    def available(self, price: int) -> int:
        """The size that is left for us at a price, in steps.

        This is the replayed size less the size that our takers consumed.
        """
        raw = price - self.shift
        size = self.sizes.get(raw, 0)
        return size - self.taken.get(raw, 0) if self.taken else size

    def best_available(self) -> int | None:
        """The best price at which size is left for us; None without one."""
        if not self.taken:
            keys = self.keys
            return self.sign * keys[-1] + self.shift if keys else None
        return next((price for price, _ in self.levels()), None)

    def levels(self) -> Iterator[Level]:
        """The levels with the size that is left for us, best first."""
        keys, sizes, taken = self.keys, self._sizes, self.taken
        sign, shift = self.sign, self.shift
        for key in reversed(keys):
            raw = sign * key
            size = sizes[raw]
            if taken:
                size -= taken.get(raw, 0)
            if size:
                yield raw + shift, size

    def depth(self, count: int) -> list[Level]:
        """The first `count` levels with the size that is left for us."""
        out: list[Level] = []
        for level in self.levels():
            out.append(level)
            if len(out) == count:
                break
        return out

    def consume(self, price: int, size: int) -> None:
        """Remembers that we used `size` of a level until the replay replaces that size."""
        raw = price - self.shift
        self.taken[raw] = self.taken.get(raw, 0) + size


class Book:
    """Both sides of the replayed book."""

    __slots__ = ("asks", "bids")

    def __init__(self) -> None:
        self.bids = SideBook(1)
        self.asks = SideBook(-1)

    @property
    def shift(self) -> int:
        """The ticks by which our own impact has moved the prices that we meet."""
        return self.bids.shift

    def set_shift(self, ticks: int) -> None:
        """Moves the prices of both sides, in ticks."""
        self.bids.shift = self.asks.shift = ticks

    def opposite(self, side: int) -> SideBook:
        """The side from which an order of direction `side` takes; +1 is buy, -1 is sell."""
        return self.asks if side > 0 else self.bids

    def same(self, side: int) -> SideBook:
        """The side on which an order of direction `side` rests."""
        return self.bids if side > 0 else self.asks

    def doubled_mid(self) -> int | None:
        """The best bid plus the best ask in ticks.

        It is twice the mid price and an exact integer.
        """
        bids, asks = self.bids.keys, self.asks.keys
        return bids[-1] - asks[-1] if bids and asks else None
