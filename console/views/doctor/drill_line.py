"""The last drill in one line, for `mlrisk doctor` and `mlrisk status`."""

from bot.safety.emergency import drills
from config.settings import Settings
from console.context import reading
from console.output import utc
from console.runtime.health_check import HealthCheck
from models.tables import DrillRow


def drill_line(settings: Settings) -> HealthCheck:
    """When the emergency stop was last rehearsed. A failed rehearsal is a warning."""
    with reading(settings.require_database_url()) as session:
        row = next(iter(drills.newest(session, settings.account, 1, drills.HALT)), None)
    failed = row is not None and not row.passed
    return HealthCheck("drill", True, drill_words(row), down=False, warning=failed)


def drill_words(row: DrillRow | None) -> str:
    """When the newest drill was, and how it ended."""
    if row is None:
        return "never rehearsed"
    return f"last at {utc(row.ended_at)}, {'passed' if row.passed else 'FAILED'}"
