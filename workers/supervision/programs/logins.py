"""The roles of the embedded Postgres, and the addresses with their logins."""

from sqlalchemy import make_url

from models.roles import DatabaseLogins
from workers.embedded.postgres import EmbeddedPostgres
from workers.home import Home

DATABASE = "mlrisk"
# The embedded server's roles by their purpose. Each has a password of its own in the home.
_ROLES = {
    "owner": "mlrisk_owner",
    "application": "mlrisk_app",
    "operator": "mlrisk_operator",
    "audit": "mlrisk_audit",
    "exporter": "mlrisk_exporter",
    "viewer": "mlrisk_viewer",
}


def logins_of(home: Home, database: EmbeddedPostgres) -> DatabaseLogins:
    """The logins of the embedded server. The superuser makes the others at each start; no process
    gets its password."""
    urls = {
        purpose: database.url(DATABASE, role, home.secret(_password(purpose)))
        for purpose, role in _ROLES.items()
    }
    return DatabaseLogins(**urls, bootstrap=database.url(DATABASE))


def owner_address(home: Home, address: str) -> str | None:
    """The address of the embedded server with the role that owns the tables, by another role's
    address; None where the server is not this home's."""
    login = make_url(address)
    if login.username not in _ROLES.values() or not (home.secrets / _password("owner")).exists():
        return None
    found = login.set(username=_ROLES["owner"], password=home.secret(_password("owner")))
    return found.render_as_string(hide_password=False)


def _password(purpose: str) -> str:
    """The name of the secret of a role of the embedded server."""
    return f"postgres-{purpose}-password"
