"""Acts on strategies as tests need them."""

from typing import Any

from bot.authority.actors import Actor
from bot.safety.strategies.ladder import StrategyAuthority, StrategyLadder
from bot.safety.strategies.profile import Profile
from models.enums import StrategyStage
from models.tables import StrategyRow

FREE = StrategyAuthority("test", is_free=True)
"""Somebody in development."""
NAME = "test"
"""The strategy of the desk's requests."""


def guarded(actor: Actor) -> StrategyAuthority:
    """Somebody in production."""
    return StrategyAuthority(actor, needs_second=True)


def demoted(ladder: StrategyLadder, to: StrategyStage, name: str = NAME) -> StrategyRow:
    """The strategy after a demotion in development."""
    row, _ = ladder.demote(name, to, reason="drill", authority=FREE)
    return row


def facts(ladder: StrategyLadder, name: str = NAME, **changes: Any) -> StrategyRow:
    """The strategy's row after a change of its facts in development."""
    return ladder.set(name, Profile(**changes), reason="drill", authority=FREE)
