"""The present use of each strategy's quotas."""

from collections.abc import Iterable
from datetime import timedelta

from bot.limits.source import ConfiguredLimits
from config.settings import Settings
from console.context import acting, reading
from console.views.live.queries import database_now
from models.repositories import quotas

_WINDOW = timedelta(seconds=1)

QuotaUse = dict[str, dict[str, int]]
"""For each quota, the `used` and the `allowed` number."""


def quota_uses(settings: Settings, strategies: Iterable[str]) -> dict[str, QuotaUse]:
    """The use of quotas by strategy; empty where the settings name no database."""
    if settings.database_url is None:
        return {}
    with acting(settings) as db:
        rules = ConfiguredLimits(settings, db).in_force().limits.quotas
    allowed = {
        "requests_per_second": rules.requests_per_second,
        "open_requests": rules.open_requests,
        "exits_per_second": rules.exits_per_second,
        "open_exits": rules.open_exits,
    }
    with reading(settings.require_database_url()) as session:
        since = database_now(session) - _WINDOW
        found = {}
        for name in strategies:
            used = quotas.used(session, settings.account, name, since)
            counts = (used.requests, used.open_requests, used.exits, used.open_exits)
            found[name] = {
                quota: {"used": count, "allowed": most}
                for (quota, most), count in zip(allowed.items(), counts, strict=True)
            }
    return found


def quota_words(use: QuotaUse | None) -> str:
    """The use as one phrase for a table; empty if the use is unknown."""
    if use is None:
        return ""
    entries, exits = use["open_requests"], use["open_exits"]
    return (
        f"open requests {entries['used']} of {entries['allowed']}, "
        f"open exits {exits['used']} of {exits['allowed']}"
    )
