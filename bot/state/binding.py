"""The binding of a database: one account, one mode, one account id of the exchange, one
environment.

The first process that proves its keys binds the database. From then on a process with other keys
refuses to act. Keys may be rotated, because the exchange's id of the account stays. A process takes
unset settings from the binding, so that a shell without a variable has no other authority.
"""

from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from bot.authority import actors
from bot.errors import DependencyDown
from bot.exchange.protocol import Exchange
from bot.state.identity import Identity as Identity
from bot.state.identity import WrongIdentity as WrongIdentity
from bot.state.identity import another, compare, limits_of
from config.settings import Environment, ExchangeMode, Settings, TradingMode
from models.audit import GLOBAL_CHAIN
from models.database import Database
from models.open_rows import PARENT_IS_OPEN
from models.tables import AccountBindingRow, AccountRow, AuditRow, ParentOrderRow, PositionRow

_ONE = 1
_BOUND = "database_bound"


def prove(db: Database, exchange: Exchange, settings: Settings, now: datetime) -> None:
    """Asks the exchange for the account of these keys, and binds an unbound database to it.

    Raises WrongIdentity; RetryLater when the exchange can't be asked.
    """
    check_settings(db, settings)
    bind(db, _identity(settings, exchange.account_uid()), now)


class NotBoundYet(DependencyDown):
    """No process with the exchange's keys has bound the database yet."""


def require_proven(db: Database, settings: Settings) -> None:
    """As `prove`, for a process without keys: compares its settings with the binding.

    Raises NotBoundYet, WrongIdentity.
    """
    with db.reading() as session:
        bound = bound_to(session)
    if bound is None:
        raise NotBoundYet("no process with the exchange's keys has started on this database yet")
    compare(bound, _identity(settings, bound.exchange_uid))


def settled(db: Database, settings: Settings) -> Settings:
    """The settings, with unset ones from the binding.

    For processes that act. Raises WrongIdentity when a set one differs from the binding.
    """
    with db.reading() as session:
        bound = bound_to(session)
    return settings if bound is None else _settled(bound, settings)


def _settled(bound: Identity, settings: Settings) -> Settings:
    own = _of(bound)
    unsaid = {name: own[name] for name in own if name not in settings.model_fields_set}
    found = settings.model_copy(update=unsaid)
    compare(bound, _identity(found, bound.exchange_uid))
    return found


def shown(session: Session, settings: Settings) -> Settings:
    """The settings with all that the binding has, for processes that only read."""
    bound = bound_to(session)
    return settings if bound is None else settings.model_copy(update=_of(bound))


def check_settings(db: Database, settings: Settings) -> None:
    """Compares the settings with the binding, without the exchange. Raises WrongIdentity."""
    with db.reading() as session:
        refuse_another(session, settings)


def refuse_another(session: Session, settings: Settings) -> None:
    """As `check_settings`, in a transaction that will act. Raises WrongIdentity."""
    bound = bound_to(session)
    if bound is not None:
        compare(bound, _identity(settings, bound.exchange_uid))


def mismatch(bound: Identity, settings: Settings) -> str | None:
    """Why a process with these settings would not start on this database; None when it would."""
    try:
        _settled(bound, settings)
    except WrongIdentity as error:
        return error.message
    return None


def is_free(session: Session, settings: Settings) -> bool:
    """Whether loosening needs no login here. The settings decide until a process has started."""
    bound = bound_to(session)
    if bound is not None:
        return not bound.is_guarded
    return actors.is_free(settings) and not _was_bound(session)


def is_guarded(session: Session) -> bool:
    """Whether letting work go on needs a login here, by the binding alone. Before the first start
    there is no work."""
    bound = bound_to(session)
    return _was_bound(session) if bound is None else bound.is_guarded


def needs_second_person(session: Session, settings: Settings) -> bool:
    """Whether looser limits wait for another operator's approval: in production, and while the
    environment is unknown."""
    bound = bound_to(session)
    if bound is not None:
        return bound.environment in (None, Environment.PRODUCTION)
    return settings.environment is Environment.PRODUCTION or _was_bound(session)


def _was_bound(session: Session) -> bool:
    """Whether the database was ever bound. A missing row gives no authority, because the binding is
    never deleted."""
    told = select(AuditRow.seq).where(AuditRow.chain == GLOBAL_CHAIN, AuditRow.kind == _BOUND)
    return session.scalar(told.limit(1)) is not None


def bound_to(session: Session) -> Identity | None:
    """The binding; None when no process has proven its keys to this database yet."""
    row = session.get(AccountBindingRow, _ONE)
    if row is None:
        return None
    return Identity(
        row.account,
        row.mode,
        row.exchange_uid,
        None if row.environment is None else Environment(row.environment),
        None if row.trading_mode is None else TradingMode(row.trading_mode),
    )


def _identity(settings: Settings, exchange_uid: str) -> Identity:
    return Identity(
        settings.account,
        settings.exchange_mode,
        exchange_uid,
        settings.environment,
        settings.trading_mode,
    )


def _of(bound: Identity) -> dict[str, object]:
    """The settings that a database has of its own."""
    own: dict[str, object] = {
        "account": bound.account,
        "exchange_mode": ExchangeMode(bound.mode),
        "environment": bound.environment,
        "trading_mode": bound.trading_mode,
    }
    return {name: value for name, value in own.items() if value is not None}


def bind(db: Database, identity: Identity, now: datetime) -> None:
    """Binds the database to this identity for ever. Raises WrongIdentity if it has another."""
    with db.reading() as session:
        bound = bound_to(session)
    if bound is None:
        bound = _bind_first(db, identity, now)
    compare(bound, identity)
    if bound.environment is None and identity.environment is not None:
        _bind_environment(db, identity, now)


def _bind_first(db: Database, identity: Identity, now: datetime) -> Identity:
    """Inserts the identity; returns the one in the database, because another process may have been
    first."""
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
                environment=identity.environment,
                trading_mode=identity.trading_mode,
            )
            .on_conflict_do_nothing()
            .returning(AccountBindingRow.one)
        ).first()
        if is_first:
            uow.audit(
                GLOBAL_CHAIN,
                _BOUND,
                identity.account,
                "mlrisk",
                {
                    "mode": identity.mode,
                    "exchange_uid": identity.exchange_uid,
                    **limits_of(identity),
                },
                now,
            )
        uow.commit()
    with db.reading() as session:
        bound = bound_to(session)
    if bound is None:
        raise NotBoundYet("the binding of this database was deleted just after it was made")
    return bound


def _bind_environment(db: Database, identity: Identity, now: datetime) -> None:
    """A database of an earlier version learns its environment from the first that starts on it."""
    with db.unit_of_work() as uow:
        row = uow.session.get_one(AccountBindingRow, _ONE, with_for_update=True)
        if row.environment is not None:
            return  # another process was first: this one is compared when it asks again
        row.environment, row.trading_mode = identity.environment, identity.trading_mode
        said = limits_of(identity)
        uow.audit(GLOBAL_CHAIN, "environment_bound", identity.account, "mlrisk", said, now)
        uow.commit()


def _refuse_rows_of_others(session: Session, account: str) -> None:
    """Refuses an unbound database that may hold another account's trades."""
    known = set(session.scalars(select(AccountRow.account)))
    others = known - {account}
    if others and account not in known:
        raise another(f"holds the rows of account {', '.join(sorted(others))}", account)
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
        raise another(
            f"holds open trades or positions of account {', '.join(sorted(active))}", account
        )
