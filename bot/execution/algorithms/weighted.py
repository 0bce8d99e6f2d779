"""Splits whole lots over slots by weight: exact, on the grid, inside the venue's bounds."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import isfinite

from bot.errors import Infeasible
from bot.execution.algorithms.base import spread_over


@dataclass(frozen=True, slots=True)
class WeightedSplit:
    """(slot, lots) in the order of time; `merged` counts the slots that lost their own child."""

    children: tuple[tuple[int, int], ...]
    merged: int


def exact_weights(name: str, weights: Sequence[Decimal | float]) -> list[Fraction]:
    """Weights as exact fractions. Raises Infeasible, with the name, for an impossible share of
    volume."""
    if not weights:
        raise Infeasible(f"{name} must have at least one slot")
    for weight in weights:
        if not isfinite(weight) or weight < 0:
            raise Infeasible(f"{name} must hold finite shares of at least 0, not {weight}")
    if not any(weights):
        raise Infeasible(f"{name} must hold at least one share above 0")
    return [Fraction(weight) for weight in weights]


def apportion(total: int, weights: Sequence[Fraction | int]) -> list[int]:
    """Whole numbers that sum to `total`, each the floor or the ceiling of its exact share.

    Hamilton's largest-remainder method; equal remainders go to the earlier slot. Raises
    Infeasible when no weight is above 0.
    """
    whole = sum(weights, Fraction(0))
    if whole <= 0:
        raise Infeasible("weights must hold at least one share above 0")
    shares = [total * Fraction(weight) / whole for weight in weights]
    sizes = [share.numerator // share.denominator for share in shares]
    by_remainder = sorted(range(len(shares)), key=lambda i: (sizes[i] - shares[i], i))
    for i in by_remainder[: total - sum(sizes)]:
        sizes[i] += 1
    return sizes


def split_by_weight(
    lots: int, weights: Sequence[Fraction], min_lots: int, max_lots: int
) -> WeightedSplit:
    """Children in proportion to the weights; a slot of weight zero never gets one.

    A child under the minimum is joined with its neighbours; the excess over the maximum goes to the
    nearest children with room. Raises Infeasible when no split obeys both bounds.
    """
    wanted = [slot for slot, weight in enumerate(weights) if weight > 0]
    sizes = apportion(lots, weights)
    groups = _joined([(slot, sizes[slot]) for slot in wanted], min_lots)
    if not groups or len(groups) * max_lots < lots:
        # The curve's own children can't carry it; an even split uses the most slots possible.
        even = spread_over(len(wanted), lots, min_lots, max_lots)
        groups = [(wanted[position], size) for position, size in even]
    children = _levelled(groups, max_lots)
    return WeightedSplit(tuple(children), merged=len(wanted) - len(children))


def _joined(sized: Sequence[tuple[int, int]], min_lots: int) -> list[tuple[int, int]]:
    """Neighbours joined until each group reaches the minimum, placed at its heaviest slot."""
    groups: list[list[tuple[int, int]]] = []
    current: list[tuple[int, int]] = []
    for member in sized:
        current.append(member)
        if sum(size for _, size in current) >= min_lots:
            groups.append(current)
            current = []
    if current and groups:
        groups[-1] = groups[-1] + current
    return [
        (max(group, key=lambda member: member[1])[0], sum(size for _, size in group))
        for group in groups
    ]


def _levelled(groups: Sequence[tuple[int, int]], max_lots: int) -> list[tuple[int, int]]:
    """Every excess over the maximum moved to the nearest group with room, later ones on a tie."""
    sizes = [size for _, size in groups]
    for i, size in enumerate(sizes):
        excess = size - max_lots
        if excess <= 0:
            continue
        sizes[i] = max_lots
        for j in sorted(range(len(sizes)), key=lambda other: (abs(other - i), -other)):
            moved = min(excess, max(0, max_lots - sizes[j]))
            sizes[j] += moved
            excess -= moved
    return [(slot, size) for (slot, _), size in zip(groups, sizes, strict=True)]
