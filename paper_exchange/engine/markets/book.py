"""The replayed order book of one instrument, minus what our own takers have consumed.

Own impact may shift it: keys and sizes stay as replayed, prices seen by us are `shift` ticks away.
"""

from bisect import bisect_left, insort
from collections.abc import Iterator, Sequence

Level = tuple[int, int]


class SideBook:
    """One side. A key is `sign * price`, so that the best level always has the largest key.

    Keys are kept in a plain sorted list: inserts near the best price move few elements, and the
    best price and the first levels need no search.
    """

    __slots__ = ("keys", "shift", "sign", "sizes", "taken")

    def __init__(self, sign: int) -> None:
        self.sign = sign
        self.sizes: dict[int, int] = {}
        self.taken: dict[int, int] = {}
        self.keys: list[int] = []
        self.shift = 0

    def replace(self, levels: Sequence[Level]) -> None:
        """Takes a snapshot: everything before it is forgotten, also what we consumed."""
        self.sizes = {price: size for price, size in levels if size}
        self.keys = sorted(self.sign * price for price in self.sizes)
        self.taken.clear()

    def update(self, levels: Sequence[Level]) -> None:
        """Takes absolute sizes; a level that is updated is whole again."""
        sizes, keys, sign = self.sizes, self.keys, self.sign
        for price, size in levels:
            if size:
                if price not in sizes:
                    insort(keys, sign * price)
                sizes[price] = size
            elif price in sizes:
                del sizes[price]
                del keys[bisect_left(keys, sign * price)]
        if self.taken:
            for price, _ in levels:
                self.taken.pop(price, None)

    def available(self, price: int) -> int:
        """What is left for us at a price, in steps: the replayed size less what our takers
        consumed."""
        raw = price - self.shift
        size = self.sizes.get(raw, 0)
        return size - self.taken.get(raw, 0) if self.taken else size

    def best_available(self) -> int | None:
        """Best price at which something is left for us."""
        for price, _ in self.levels():
            return price
        return None

    def levels(self) -> Iterator[Level]:
        """What is left, best first."""
        for key in reversed(self.keys):
            price = self.sign * key + self.shift
            size = self.available(price)
            if size:
                yield price, size

    def depth(self, count: int) -> list[Level]:
        """The first `count` levels of what is left."""
        out: list[Level] = []
        for level in self.levels():
            out.append(level)
            if len(out) == count:
                break
        return out

    def consume(self, price: int, size: int) -> None:
        """Remembers that we used `size` of a level until the replay updates that level."""
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
        """The side that an order of direction `side` (+1 buy, -1 sell) takes from."""
        return self.asks if side > 0 else self.bids

    def same(self, side: int) -> SideBook:
        """The side on which an order of direction `side` rests."""
        return self.bids if side > 0 else self.asks

    def doubled_mid(self) -> int | None:
        """Bid plus ask in ticks: twice the mid price, exact as an integer."""
        bids, asks = self.bids.keys, self.asks.keys
        return bids[-1] - asks[-1] if bids and asks else None
