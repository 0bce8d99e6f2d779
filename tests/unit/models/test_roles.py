"""The logins at a database: each purpose has its own, or the application's."""

from models.roles import WRITTEN_ONCE, DatabaseLogins
from models.tables import AuditRow, DecisionRow, FillRow

OWN = "postgresql+psycopg://app:a@host/mlrisk"
OWNER = "postgresql+psycopg://owner:o@host/mlrisk"


def test_a_purpose_without_a_login_uses_the_applications() -> None:
    alone = DatabaseLogins.of(OWN)
    assert {alone.application, alone.owner, alone.operator, alone.audit} == {OWN}
    assert alone.bootstrap is None
    assert DatabaseLogins.of(OWN, owner=OWNER).owner == OWNER


def test_no_representation_shows_a_password() -> None:
    assert ":o@" not in repr(DatabaseLogins.of(OWN, owner=OWNER))


def test_the_record_of_trades_is_written_once() -> None:
    assert {AuditRow, DecisionRow, FillRow} <= set(WRITTEN_ONCE)
