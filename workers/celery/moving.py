"""Reads the oldest items of a Redis list, and moves them to other lists.

An item that was read may be gone when it is moved, because another worker may take from the same
list. Digests name the items, so that only those that were read are moved. Most of the cost of an
item is its way to Redis and back. One answer therefore has many items, and one question names all
items that go to the same place one after the other.
"""

import hashlib
from collections.abc import Sequence
from itertools import accumulate, groupby, pairwise
from operator import attrgetter
from typing import NamedTuple, cast

from redis import Redis

AT_ONCE = 250
"""The largest number of items that are read together."""
BYTES_AT_ONCE = 1_048_576
"""The largest size of items that are read together, in bytes. A single item may be larger."""

# One text is read much faster than as many texts as there are items.
_OLDEST = """
local items, sizes, bytes = {}, {}, 0
for i = 1, tonumber(ARGV[1]) do
  local item = redis.call('LINDEX', KEYS[1], -i)
  if not item then break end
  bytes = bytes + #item
  if i > 1 and bytes > tonumber(ARGV[2]) then break end
  items[i], sizes[i] = item, #item
end
return {table.concat(sizes, ' '), table.concat(items)}
"""

# A lane's name is stored before its items, because workers look only into named lanes.
_MOVE = """
local moved = 0
for i = 1, #ARGV, 4 do
  local digests, lane, side, count = unpack(ARGV, i, i + 3)
  local items = redis.call('LRANGE', KEYS[1], -count, -1)
  for n, item in ipairs(items) do items[n] = redis.sha1hex(item) end
  if table.concat(items) ~= digests then break end
  redis.call('SADD', KEYS[2], lane)
  for _ = 1, count do redis.call('LMOVE', KEYS[1], lane, 'RIGHT', side) end
  moved = moved + count
end
return moved
"""


class Move(NamedTuple):
    """An item, and the end of the list to which it goes."""

    item: bytes
    lane: str
    side: str
    """`LEFT` behind all others, `RIGHT` before them."""


def oldest(client: Redis, key: str, most: int) -> list[bytes]:
    """The oldest items of a list, the oldest first: `most`, unless they are too large."""
    sizes, text = client.eval(_OLDEST, 1, key, min(most, AT_ONCE), BYTES_AT_ONCE)
    ends = accumulate(map(int, sizes.split()), initial=0)
    return [text[start:end] for start, end in pairwise(ends)]


def move(client: Redis, key: str, known: str, wanted: Sequence[Move]) -> int:
    """Move the oldest items of a list, the oldest first, and add their lanes to the set `known`.

    Return the number of moved items. Those at the end are left when others are there by now.
    """
    words: list[str | int] = []
    for (lane, side), run in groupby(wanted, key=attrgetter("lane", "side")):
        # Redis lists the newest first.
        digests = [_digest(each.item) for each in run][::-1]
        words += ["".join(digests), lane, side, len(digests)]
    return cast(int, client.eval(_MOVE, 2, key, known, *words))


def _digest(item: bytes) -> str:
    """The item's digest as Redis computes it. It keeps nothing secret."""
    return hashlib.sha1(item, usedforsecurity=False).hexdigest()
