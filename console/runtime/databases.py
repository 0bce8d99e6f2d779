"""Who logs in at a database of one's own, as the settings say."""

from config.settings import Settings
from models.roles import DatabaseLogins


def database_logins(settings: Settings) -> DatabaseLogins | None:
    """The logins of each purpose; None where no database is named."""
    if settings.database_url is None:
        return None
    named = {
        purpose: secret.get_secret_value()
        for purpose in ("owner", "operator", "audit", "bootstrap")
        if (secret := getattr(settings, f"{purpose}_database_url")) is not None
    }
    return DatabaseLogins.of(settings.require_database_url(), **named)
