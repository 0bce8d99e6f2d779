"""Blind: works an exit while the market is unknown, or after its algorithm has failed too often."""

from datetime import timedelta
from decimal import Decimal

from bot.execution.algorithms.base import LotRules
from bot.execution.algorithms.stepping import (
    Action,
    Place,
    Progress,
    Tail,
    Terms,
    cancel,
    child_lots,
    outside_of_work,
    wait,
)
from models.enums import Style

WAITED_SHARE = Decimal("0.5")
"""The share of the time for which it waits for the market to come back."""
RETRY = timedelta(seconds=2)


def step(
    terms: Terms, progress: Progress, rules: LotRules, *, waits: bool = True
) -> tuple[Action, ...]:
    """Waits for the market for half of its time, unless told not to. Then it cancels its resting
    orders and takes the rest at the limit, again and again until the deadline."""
    ended = outside_of_work(progress, terms, rules)
    if ended is not None:
        return ended
    if waits and progress.elapsed_share < WAITED_SHARE:
        return (wait(progress),)
    if progress.live:
        resting = tuple(c for c in progress.live if c.style is not Style.IOC)
        return (*cancel(resting), wait(progress))
    last = progress.last
    if last is not None and last.style is Style.IOC and last.placed_at + RETRY > progress.now:
        return (wait(progress, last.placed_at + RETRY),)
    minimum = terms.min_lots(rules, terms.price_limit)
    lots = child_lots(progress.remaining, progress, rules, minimum, Tail.TAKE)
    if lots == 0:
        return (wait(progress),)
    return (Place(lots * rules.qty_step, Style.IOC, terms.price_limit), wait(progress))
