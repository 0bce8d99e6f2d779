"""The type of an order that may go out, so that the type checker refuses any other."""

from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RiskApproved(Generic[T]):
    """An order that the last check before sending has let go, under the locks that are still held.

    `bot.execution.sending.authorization` alone makes one, and `transitions.claim` takes nothing
    else: no request is stored, and so none is sent, without it.
    """

    order: T
