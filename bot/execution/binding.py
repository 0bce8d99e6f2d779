"""Whose database this is: one account, one mode, one account id of the exchange.

The first process that proves its keys binds the database; from then on every process that would
act with other keys refuses to. Keys may be rotated: the exchange's id of the account stays.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from bot.errors import Refused
from bot.exchange.protocol import Exchange
from config.settings import Settings
from models.audit import GLOBAL_CHAIN
from models.database import Database
from models.open_rows import PARENT_IS_OPEN
from models.tables import AccountBindingRow, AccountRow, ParentOrderRow, PositionRow

_ONE = 1


class WrongIdentity(Refused):
    """These settings are not the ones that the database belongs to."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Whose keys a process has."""

    account: str
    mode: str
    exchange_uid: str


def prove(db: Database, exchange: Exchange, settings: Settings, now: datetime) -> None:
    """Asks the exchange whose keys these are, and binds the database if nobody has yet.

    Raises WrongIdentity; RetryLater when the exchange can't be asked.
    """
    check_settings(db, settings)
    bind(db, Identity(settings.account, settings.exchange_mode, exchange.account_uid()), now)


def check_settings(db: Database, settings: Settings) -> None:
    """What can be told without the exchange: account and mode. Raises WrongIdentity."""
    with db.reading() as session:
        bound = bound_to(session)
    if bound is not None:
        _compare(bound, Identity(settings.account, settings.exchange_mode, bound.exchange_uid))


def mismatch(bound: Identity, settings: Settings) -> str | None:
    """Why no process of these settings would start on this database; None when it would."""
    try:
        _compare(bound, Identity(settings.account, settings.exchange_mode, bound.exchange_uid))
    except WrongIdentity as error:
        return error.message
    return None


def bound_to(session: Session) -> Identity | None:
    """None: no process has proven its keys to this database yet."""
    row = session.get(AccountBindingRow, _ONE)
    return None if row is None else Identity(row.account, row.mode, row.exchange_uid)


def bind(db: Database, identity: Identity, now: datetime) -> None:
    """Makes the database this identity's for ever. Raises WrongIdentity if it is another's."""
    with db.reading() as session:
        bound = bound_to(session)
    if bound is None:
        bound = _bind_first(db, identity, now)
    _compare(bound, identity)


def _bind_first(db: Database, identity: Identity, now: datetime) -> Identity:
    """The identity that the database has after it: another process may have been first."""
    with db.unit_of_work() as uow:
        _refuse_rows_of_others(uow.session, identity.account)
        is_first = uow.session.execute(
            insert(AccountBindingRow)
            .values(
                one=_ONE,
                account=identity.account,
                mode=identity.mode,
                exchange_uid=identity.exchange_uid,
                bound_at=now,
            )
            .on_conflict_do_nothing()
            .returning(AccountBindingRow.one)
        ).first()
        if is_first:
            uow.audit(
                GLOBAL_CHAIN,
                "database_bound",
                identity.account,
                "mlrisk",
                {"mode": identity.mode, "exchange_uid": identity.exchange_uid},
                now,
            )
        uow.commit()
    with db.reading() as session:
        bound = bound_to(session)
    assert bound is not None, "rows of a binding are never deleted"
    return bound


def _refuse_rows_of_others(session: Session, account: str) -> None:
    """A database from before it was bound: it may hold another account's trades."""
    known = set(session.scalars(select(AccountRow.account)))
    others = known - {account}
    if others and account not in known:
        raise _another(f"holds the rows of account {', '.join(sorted(others))}", account)
    active = session.scalars(
        select(ParentOrderRow.account)
        .where(ParentOrderRow.account != account, PARENT_IS_OPEN)
        .union(
            select(PositionRow.account).where(
                PositionRow.account != account, or_(PositionRow.qty > 0, PositionRow.qty < 0)
            )
        )
    ).all()
    if active:
        raise _another(
            f"holds open trades or positions of account {', '.join(sorted(active))}", account
        )


def _compare(bound: Identity, ours: Identity) -> None:
    if bound.account != ours.account:
        raise _another(f"belongs to account {bound.account}", ours.account)
    if bound.mode != ours.mode:
        raise WrongIdentity(
            f"this database belongs to {bound.mode} trading, and MLRISK_EXCHANGE_MODE says "
            f"{ours.mode}: start with MLRISK_EXCHANGE_MODE={bound.mode}, or give {ours.mode} "
            "trading a new database (MLRISK_DATABASE_URL, or another --home)",
            code="wrong_mode",
        )
    if bound.exchange_uid != ours.exchange_uid:
        raise WrongIdentity(
            f"this database belongs to the exchange's account {bound.exchange_uid}, and these API "
            f"keys are those of {ours.exchange_uid}: start with keys of {bound.exchange_uid}, or "
            "give the other account a new database (MLRISK_DATABASE_URL, or another --home)",
            code="wrong_uid",
        )


def _another(what: str, account: str) -> WrongIdentity:
    return WrongIdentity(
        f"this database {what}, and MLRISK_ACCOUNT says {account}: start with the right "
        f"MLRISK_ACCOUNT, or give {account} a new database (MLRISK_DATABASE_URL, or another "
        "--home)",
        code="wrong_account",
    )
