"""The line of `mlrisk doctor` that says whether requests must be signed by their strategy."""

from datetime import timedelta

from config.settings import Environment, Settings
from console.context import reading
from console.runtime.health_check import HealthCheck
from console.views.live.queries import database_now
from models.enums import MessageRefusal
from models.repositories import refused as refused_messages

_WINDOW = timedelta(hours=24)


def message_line(settings: Settings) -> HealthCheck:
    """Not ok in production without keys, where no worker would start either."""
    if settings.message_key is None:
        said = (
            "not signed: anybody with access to the broker can send requests in any strategy's name"
        )
        ok = settings.environment is not Environment.PRODUCTION
        return HealthCheck("messages", ok, f"{said} (MLRISK_MESSAGE_KEY is not set)", down=False)
    with reading(settings.require_database_url()) as session:
        kinds = [kind for kind in MessageRefusal if kind.is_of_signature]
        refused = refused_messages.total(session, database_now(session) - _WINDOW, kinds)
    return HealthCheck(
        "messages",
        True,
        f"count only when signed; {refused} refused in the last 24 h for a "
        "missing or wrong signature",
    )
