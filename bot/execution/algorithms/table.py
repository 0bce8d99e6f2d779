"""Every algorithm by its name: the module of that name in this folder, and its `ALGORITHM`."""

from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType

from bot.execution.algorithms.algorithm import AlgorithmSpec
from bot.execution.algorithms.wish import Wish
from models.enums import Algorithm


def _spec(name: Algorithm) -> AlgorithmSpec:
    found = import_module(f"{__package__}.{name.value}").ALGORITHM
    if not isinstance(found, AlgorithmSpec):
        raise TypeError(f"{name.value}.ALGORITHM is no AlgorithmSpec")
    return found


ALGORITHMS: Mapping[Algorithm, AlgorithmSpec] = MappingProxyType(
    {name: _spec(name) for name in Algorithm}
)
"""A member of the enum without its module, or a module without its count of children, ends the
start of every process: nothing is counted or planned by a guess."""


def slice_count(algorithm: Algorithm | None, wish: Wish) -> int:
    """Children that the trade is split into, at least one; one where mlrisk chooses by itself."""
    return 1 if algorithm is None else max(1, ALGORITHMS[algorithm].children(wish))
