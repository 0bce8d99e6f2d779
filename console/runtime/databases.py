"""The logins at a user's own database, as the settings name them."""

from config.settings import Settings
from models.roles import DatabaseLogins


def database_logins(settings: Settings) -> DatabaseLogins | None:
    """The login for each purpose; None where the settings name no database."""
    if settings.database_url is None:
        return None
    named = {
        purpose: secret.get_secret_value()
        for purpose in ("owner", "operator", "audit", "exporter", "viewer", "bootstrap")
        if (secret := getattr(settings, f"{purpose}_database_url")) is not None
    }
    return DatabaseLogins.of(settings.require_database_url(), **named)
