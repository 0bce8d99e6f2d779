"""The rights of each Postgres role on our tables: declared once, granted after each migration.

The owner's role makes and changes the tables. The application's role can neither change nor delete
rows that are written once, and deletes only where the code does. Beat's role appends to the audit.
The exporter's role reads what it measures. The viewer's role reads everything but the tables that
the operator's role alone changes.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Self

from sqlalchemy import text

from config.errors import MlriskError
from models.connecting import migration_engine
from models.tables import (
    AccountBindingRow,
    AccountFitnessRow,
    AlertRow,
    ApiTokenRow,
    AssuranceReportRow,
    AuditCheckpointRow,
    AuditHeadRow,
    AuditHeadsFileRow,
    AuditLeafRow,
    AuditNodeRow,
    AuditRow,
    AuditTreeRow,
    Base,
    BreakerRow,
    BreakerTripRow,
    ChildOrderRow,
    DecisionFiguresRow,
    DecisionRow,
    DisagreementRow,
    DrillRow,
    EquityDayRow,
    EquityRow,
    FillRow,
    ForeignOrderRow,
    GateValueRow,
    HeartbeatRow,
    OperatorRow,
    OtherFeeRow,
    OverrideCodeRow,
    ParentOrderRow,
    PositionAdoptionRow,
    PositionExitRow,
    PositionRow,
    PositionWatchRow,
    PredictionRow,
    ProtectiveStopRow,
    RefusedMessagesRow,
    StrategyRow,
    TallyChangeRow,
    TallyRow,
    TradeRequestRow,
    TradingLeaseRow,
    TradingStateRow,
    UnreadableFactRow,
    VolumeModelRow,
)

WRITTEN_ONCE: tuple[type[Base], ...] = (
    AssuranceReportRow,
    AuditLeafRow,
    AuditNodeRow,
    AuditRow,
    AuditTreeRow,
    DecisionFiguresRow,
    DecisionRow,
    DrillRow,
    EquityRow,
    FillRow,
    GateValueRow,
    PositionAdoptionRow,
    PositionExitRow,
    UnreadableFactRow,
    VolumeModelRow,
)
DELETED: tuple[type[Base], ...] = (
    DisagreementRow,
    ForeignOrderRow,
    HeartbeatRow,
    PositionWatchRow,
    TallyChangeRow,
)
"""The tables from which the application deletes."""
MOVED_BY_TRIGGER: tuple[type[Base], ...] = (AuditHeadRow,)
"""The tables that only the owner's triggers change."""
OPERATORS_OWN: tuple[type[Base], ...] = (
    ApiTokenRow,
    OperatorRow,
    OverrideCodeRow,
    StrategyRow,
)
"""The tables that the operator's role alone changes."""
MEASURED: tuple[type[Base], ...] = (
    *(AccountBindingRow, AccountFitnessRow),
    *(AuditCheckpointRow, AuditHeadRow, AuditHeadsFileRow, AuditRow),
    *(BreakerRow, BreakerTripRow),
    *(ChildOrderRow, DecisionFiguresRow, DecisionRow, FillRow, OtherFeeRow, ParentOrderRow),
    *(DisagreementRow, ForeignOrderRow, UnreadableFactRow),
    *(EquityDayRow, EquityRow, PositionRow, ProtectiveStopRow),
    *(HeartbeatRow, PredictionRow, RefusedMessagesRow),
    *(TallyChangeRow, TallyRow, TradingLeaseRow, TradingStateRow),
)
"""The tables that the exporter reads. Of requests it reads two columns."""
_OF_REQUESTS = (TradeRequestRow.status, TradeRequestRow.received_at)
_VERSION = "alembic_version"


class RoleError(MlriskError, ValueError):
    """A role of the database has wrong rights; the message gives the remedy."""


@dataclass(frozen=True, slots=True)
class DatabaseLogins:
    """Addresses of one database by purpose. Equal addresses are one role for several purposes."""

    application: str = field(repr=False)
    """Workers and feed."""
    owner: str = field(repr=False)
    """Migrations: it owns the tables."""
    operator: str = field(repr=False)
    """The console: as the application, over connections that are kept for it."""
    audit: str = field(repr=False)
    """Beat: appends to the audit."""
    exporter: str = field(repr=False)
    """The exporter: reads what it measures, and changes nothing."""
    viewer: str = field(repr=False, default="")
    """The browser console's pages: reads, and changes nothing. Empty: the operator's."""
    bootstrap: str | None = field(default=None, repr=False)
    """A superuser for making the other roles; None when they exist."""

    @classmethod
    def of(
        cls,
        application: str,
        *,
        owner: str | None = None,
        operator: str | None = None,
        audit: str | None = None,
        exporter: str | None = None,
        viewer: str | None = None,
        bootstrap: str | None = None,
    ) -> Self:
        """The addresses with defaults: the application's role, and the bootstrap's for
        migrations."""
        return cls(
            application,
            owner or bootstrap or application,
            operator or application,
            audit or application,
            exporter or application,
            viewer or "",
            bootstrap,
        )

    @property
    def of_viewer(self) -> str:
        """The address for reading alone; the operator's where no role is named for it."""
        return self.viewer or self.operator


def grant(logins: DatabaseLogins) -> None:
    """Gives each role its rights, in one transaction of the owner; a second run changes nothing.

    Nothing is granted to a role that owns the tables itself, nor where all logins are one.
    """
    engine = migration_engine(logins.owner)
    try:
        with engine.begin() as connection:
            owner = connection.scalar(text("SELECT current_user"))
            roles = {
                role: statements
                for address, statements in (
                    # Last the most: equal addresses are one role.
                    (logins.exporter, _FOR_EXPORTER),
                    (logins.of_viewer, _FOR_VIEWER),
                    (logins.audit, _FOR_AUDIT),
                    (logins.application, _FOR_APPLICATION),
                    (logins.operator, _FOR_OPERATOR),
                )
                if (role := _role_of(address)) != owner
            }
            for role, statements in roles.items():
                for statement in statements:
                    connection.execute(text(statement.format(role=_quoted(role))))
    finally:
        engine.dispose()


def powers_of(address: str) -> list[str]:
    """The powers of the role of this address that the application must not have; empty when there
    are none."""
    engine = migration_engine(address)
    try:
        with engine.connect() as connection:
            found = connection.execute(_POWERS, {"audit": AuditRow.__tablename__}).one()
            return [told for told, has in zip(_TOLD, found, strict=True) if has]
    finally:
        engine.dispose()


def warning(address: str) -> str | None:
    """The sentence about a role with powers that the application must not have."""
    found = powers_of(address)
    if not found:
        return None
    return (
        f"the role of the application is too powerful: it {', '.join(found)}; what breaks into a "
        "process can undo what is recorded (SECURITY.md, Roles of Postgres)"
    )


_TOLD = (
    "is a superuser",
    "may make roles",
    "owns tables",
    "may change, delete or empty the audit",
)
_POWERS = text(
    """
    SELECT r.rolsuper, r.rolcreaterole,
           EXISTS (SELECT FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace
                    AND c.relkind IN ('r', 'p') AND pg_has_role(r.oid, c.relowner, 'MEMBER')),
           coalesce(has_table_privilege(to_regclass(:audit), 'UPDATE, DELETE, TRUNCATE'), false)
      FROM pg_roles r WHERE r.rolname = current_user
    """
)


def _role_of(address: str) -> str:
    """The role of an address; the server tells it when the address does not."""
    engine = migration_engine(address)
    try:
        with engine.connect() as connection:
            return str(connection.scalar(text("SELECT current_user")))
    finally:
        engine.dispose()


def _quoted(role: str) -> str:
    return '"' + role.replace('"', '""').replace(":", "\\:") + '"'


def _list(names: Iterable[str]) -> str:
    return ", ".join(map(_quoted, sorted(names)))


def _names(kinds: tuple[type[Base], ...]) -> set[str]:
    return {kind.__tablename__ for kind in kinds}


def _statements(not_its_own: tuple[type[Base], ...]) -> Iterator[str]:
    tables = _list(Base.metadata.tables)
    added = Base.metadata.tables.keys() - _names(not_its_own) - _names(MOVED_BY_TRIGGER)
    yield f"REVOKE ALL ON {tables}, {_VERSION} FROM {{role}}"
    yield f"GRANT SELECT ON {tables} TO {{role}}"
    yield f"GRANT INSERT ON {_list(added)} TO {{role}}"
    yield f"GRANT UPDATE ON {_list(added - _names(WRITTEN_ONCE))} TO {{role}}"
    yield f"GRANT DELETE ON {_list(_names(DELETED))} TO {{role}}"
    yield f"GRANT SELECT ON {_VERSION} TO {{role}}"


_FOR_VIEWER = (
    f"REVOKE ALL ON {_list(Base.metadata.tables)}, {_VERSION} FROM {{role}}",
    # Sealed secrets and derived codes are for those who check them; no page shows a strategy's row.
    f"GRANT SELECT ON {_list(Base.metadata.tables.keys() - _names(OPERATORS_OWN))} TO {{role}}",
    f"GRANT SELECT ON {_VERSION} TO {{role}}",
)
_FOR_APPLICATION = tuple(_statements(OPERATORS_OWN))
_FOR_OPERATOR = tuple(_statements(()))
_FOR_AUDIT = (
    f"REVOKE ALL ON {_list(Base.metadata.tables)}, {_VERSION} FROM {{role}}",
    f"GRANT SELECT, INSERT ON {AuditRow.__tablename__} TO {{role}}",
    f"GRANT SELECT ON {AuditHeadRow.__tablename__} TO {{role}}",
    # The alerts that follow from its entries.
    f"GRANT SELECT, INSERT, UPDATE ON {AlertRow.__tablename__} TO {{role}}",
    # The chain of its entries.
    f"GRANT SELECT ON {AccountBindingRow.__tablename__} TO {{role}}",
    # Canaries of queues that don't exist (`workers/celery/cleaning.py`).
    f"GRANT SELECT, DELETE ON {HeartbeatRow.__tablename__} TO {{role}}",
)
_FOR_EXPORTER = (
    f"REVOKE ALL ON {_list(Base.metadata.tables)}, {_VERSION} FROM {{role}}",
    f"GRANT SELECT ON {_list(_names(MEASURED))} TO {{role}}",
    f"GRANT SELECT ({_list(column.key for column in _OF_REQUESTS)})"
    f" ON {TradeRequestRow.__tablename__} TO {{role}}",
)
