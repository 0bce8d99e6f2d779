"""The logins at a user's own database, by their purposes."""

from pydantic import SecretStr

from config.settings import Settings
from console.runtime.databases import database_logins

OWN = "postgresql+psycopg://app:a@host/mlrisk"


def test_without_a_database_there_are_no_logins() -> None:
    assert database_logins(Settings()) is None


def test_each_purpose_has_its_own_login_or_the_applications() -> None:
    owner = "postgresql+psycopg://owner:o@host/mlrisk"
    found = database_logins(
        Settings(database_url=SecretStr(OWN), owner_database_url=SecretStr(owner))
    )
    assert found is not None
    assert (found.application, found.owner, found.bootstrap) == (OWN, owner, None)
    alone = database_logins(Settings(database_url=SecretStr(OWN)))
    assert alone is not None
    assert {alone.application, alone.owner, alone.operator, alone.audit} == {OWN}
