"""What each check's blocks were worth, and what may be said about it.

A block saves the loss that the trade would have made, or misses its gain. Many checks are looked at
together, and somebody will loosen the limit that is said to cost money. Each such sentence
therefore holds with all others together (Holm 1979: the chance of one false sentence is bounded
however the checks depend on each other). Where nothing can be said, the number of blocks that it
takes is.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from math import ceil

from bot.gate_value.attribution import Blocker
from bot.gate_value.intervals import CONFIDENCE, LEAST_SPELLS, Observed, Sum, sum_of, t_quantile
from models.amounts import ZERO
from models.enums import NotValued

_DAY = 86_400.0
_LEVEL = 1 - CONFIDENCE
MOST_BLOCKS = 100_000
"""A need for more blocks than this is no number that anybody waits for."""
_USUAL = 0.95
"""The share of horizons that the shortest block of the bootstrap covers."""


class GroupBy(StrEnum):
    """What the blocks are put together by."""

    CHECK = "check"
    STRATEGY = "strategy"
    SYMBOL = "symbol"


class ValueFinding(StrEnum):
    """What may be said about the worth of blocks."""

    COST = "cost"
    SAVED = "saved"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True)
class JudgedBlock:
    """One blocked or shrunk trade; the profit is that of the trade, so that a block's worth is its
    opposite."""

    decided_at: datetime
    known_at: datetime
    strategy: str
    symbol: str
    blockers: tuple[Blocker, ...]
    profit: Decimal | None
    """Quote currency; None where it isn't known."""
    profit_bps: float | None
    """Of the equity at the decision."""
    not_valued: NotValued | None


@dataclass(frozen=True, slots=True)
class BlockValue:
    """The worth of one check's blocks. Money is in quote currency, each block by its share."""

    name: str
    blocks: int
    """Blocks whose worth is known."""
    alone: int
    """Those of them that nothing else blocked."""
    unknown: Mapping[str, int]
    """Blocks of unknown worth, by the reason."""
    false_blocks: int
    """Blocks of trades that would have gained."""
    avoided: Decimal
    missed: Decimal
    bps_a_day: float | None
    """Of equity; positive when the blocks saved money. None without a block of known worth."""
    low: float | None
    high: float | None
    p_value: float | None
    """Holm's, over all that were looked at together."""
    finding: ValueFinding
    needs_more: int | None
    """Blocks until something could be said if the worth stays as it is; None beyond
    `MOST_BLOCKS`, and where something is said."""
    block_hours: float | None
    """The mean block length of the bootstrap."""

    @property
    def net(self) -> Decimal:
        """Losses avoided less gains missed."""
        return self.avoided - self.missed

    @property
    def false_share(self) -> float | None:
        """The share of false blocks."""
        return self.false_blocks / self.blocks if self.blocks else None


@dataclass
class _Group:
    times: list[float] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    horizons: list[float] = field(default_factory=list)
    unknown: Counter[str] = field(default_factory=Counter)
    alone: int = 0
    false_blocks: int = 0
    avoided: Decimal = ZERO
    missed: Decimal = ZERO


def block_values(
    blocks: Iterable[JudgedBlock], by: GroupBy, since: datetime, until: datetime
) -> tuple[BlockValue, ...]:
    """The worth by check, strategy or symbol of the blocks decided in [since, until); the dearest
    first."""
    groups: dict[str, _Group] = defaultdict(_Group)
    for block in blocks:
        for blocker in _names(block, by):
            _add(groups[blocker.name], block, blocker.share, since)
    span = (until - since).total_seconds()
    sums = {name: _sum(group, span) for name, group in groups.items()}
    tested = {
        name: found.p_value
        for name, found in sums.items()
        if found is not None and found.p_value is not None
    }
    adjusted = holm(tested)
    found = [
        _value(name, group, sums[name], adjusted, span / _DAY) for name, group in groups.items()
    ]
    return tuple(sorted(found, key=lambda each: (each.bps_a_day or 0.0, each.name)))


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Adjusted p-values: those under a level hold together at that level (Holm 1979)."""
    adjusted: dict[str, float] = {}
    largest = 0.0
    ordered = sorted(p_values.items(), key=lambda item: (item[1], item[0]))
    for place, (name, p_value) in enumerate(ordered):
        largest = max(largest, min(1.0, p_value * (len(ordered) - place)))
        adjusted[name] = largest
    return adjusted


def _names(block: JudgedBlock, by: GroupBy) -> Sequence[Blocker]:
    if by is GroupBy.CHECK:
        return block.blockers
    return (Blocker(block.strategy if by is GroupBy.STRATEGY else block.symbol, 1.0),)


def _add(group: _Group, block: JudgedBlock, share: float, since: datetime) -> None:
    if block.profit is None or block.profit_bps is None:
        group.unknown[(block.not_valued or NotValued.NO_PLAN).value] += 1
        return
    group.times.append((block.decided_at - since) / timedelta(seconds=1))
    group.values.append(-block.profit_bps * share)
    group.horizons.append((block.known_at - block.decided_at) / timedelta(seconds=1))
    group.alone += len(block.blockers) == 1
    part = block.profit * Decimal(repr(share))
    if block.profit > 0:
        group.false_blocks += 1
        group.missed += part
    else:
        group.avoided -= part


def _sum(group: _Group, span: float) -> Sum | None:
    if not group.times or not span > 0:
        return None
    ordered = sorted(group.horizons)
    usual = ordered[ceil(_USUAL * len(ordered)) - 1]
    return sum_of(Observed(group.times, group.values, span, usual))


def _value(
    name: str, group: _Group, found: Sum | None, adjusted: Mapping[str, float], days: float
) -> BlockValue:
    p_value = adjusted.get(name)
    finding = ValueFinding.UNCLEAR
    if found is not None and p_value is not None and p_value < _LEVEL:
        finding = ValueFinding.SAVED if found.value > 0 else ValueFinding.COST
    needs = None
    if found is not None and finding is ValueFinding.UNCLEAR:
        needs = _needs(len(group.times), found, len(adjusted))
    return BlockValue(
        name=name,
        blocks=len(group.times),
        alone=group.alone,
        unknown=dict(sorted(group.unknown.items())),
        false_blocks=group.false_blocks,
        avoided=group.avoided,
        missed=group.missed,
        bps_a_day=_a_day(None if found is None else found.value, days),
        low=_a_day(None if found is None else found.low, days),
        high=_a_day(None if found is None else found.high, days),
        p_value=p_value,
        finding=finding,
        needs_more=needs,
        block_hours=None if found is None else found.block_seconds / 3600,
    )


def _a_day(value: float | None, days: float) -> float | None:
    return None if value is None else value / days


def _needs(blocks: int, found: Sum, tests: int) -> int | None:
    """The interval narrows with the root of the number of blocks."""
    if found.error is None:
        total = blocks * LEAST_SPELLS / max(found.spells, 1)
    elif not found.value:
        return None
    else:
        wanted = -t_quantile(_LEVEL / 2 / max(tests, 1), found.spells - 1)
        total = blocks * (wanted * found.error / found.value) ** 2
    more = max(1, ceil(min(total, 10.0 * MOST_BLOCKS)) - blocks)
    return more if more <= MOST_BLOCKS else None
