"""The limits in force and their self-test, as evidence."""

from typing import Any

from sqlalchemy.orm import Session

from bot.clock import SystemClock
from bot.limits.service import ConfigurationService
from bot.limits.source import ConfiguredLimits, version_in_force
from config.settings import Settings
from console.context import acting
from console.selfassess.kinds import Shown


def values(settings: Settings) -> dict[str, Any]:
    """Every limit in force by `section.key`. Raises Refused when they can't be used."""
    with acting(settings) as db:
        return ConfigurationService(db, settings, SystemClock()).current().values()


def version(session: Session, settings: Settings) -> Shown:
    """Which version is in force, since when and by whom."""
    found = version_in_force(session, settings.environment.value, settings.trading_mode.value)
    layer = f"{settings.environment.value}, {settings.trading_mode.value}"
    if found is None:
        return Shown(f"the files of {layer}, without a version of its own", True)
    second = "" if found.approved_by is None else f", approved by {found.approved_by}"
    return Shown(
        f"version {found.id} of {layer}, proposed by {found.proposed_by}{second}: {found.reason}",
        True,
        found.changed_at,
    )


def self_test(settings: Settings) -> Shown:
    """Runs the self-test on the limits in force: each must deny its own breach."""
    with acting(settings) as db:
        judged = ConfiguredLimits(settings, db).in_force()
    if judged.ineffective:
        return Shown(f"without effect: {'; '.join(judged.ineffective)}", False)
    return Shown("run now: each limit in force denies its own breach, and exits go on", True)
