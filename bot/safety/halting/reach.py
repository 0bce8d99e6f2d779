"""How far a halt goes, and how it waits for others."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import ColumnElement

from bot.safety.halting import sealing
from bot.state.scope import EVERYTHING, Scope
from models.repositories.safety import scoping

LOCK_WAIT_MS = 6_000
"""Longer than a session may keep a transaction open without a word (`models/database.py`)."""


@dataclass(frozen=True, slots=True)
class HaltReach:
    """How far a halt goes: its scope, and what it ends there besides entries."""

    scope: Scope = EVERYTHING
    cancel: bool = False
    """Cancel our working orders at the exchange; stops stay."""
    everything: bool = False
    """With `cancel`, in the global scope alone: also cancel working orders of others."""
    stop_exits: bool = False
    """End exits under way; otherwise they go on, and their orders stay."""

    @property
    def only(self) -> ColumnElement[bool]:
        """The condition on the parents of the scope."""
        return scoping.parents_of(self.scope.kind, self.scope.key)


@dataclass(frozen=True, slots=True)
class HaltWaits:
    """How a halt waits for others."""

    seal_seconds: float = sealing.TIMEOUT_SECONDS
    """The wait for senders that were under way when trading was halted."""
    hold_limit_seconds: float = sealing.HOLD_LIMIT_SECONDS
    """A session that holds a sender's lock for longer is ended."""
    lock_ms: int = LOCK_WAIT_MS
    """The wait for the lock of a parent that another process holds."""
    sleep: Callable[[float], None] = time.sleep
    """Passes the time that the exchange asks for between cancels."""
    tries_again: bool = False
    """Whether the caller comes again while the halt is not sealed."""
