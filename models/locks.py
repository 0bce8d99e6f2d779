"""Every lock of mlrisk, and the order in which they are taken.

Order: account row, then parent, then child, then reservation, then position (and under it the
strategies' shares), then alert (in the order of the keys), then audit chain. A transaction that
needs several takes them in this order, which prevents deadlocks. Advisory locks are numbered; a
number is never given to another purpose.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, bindparam, select, text
from sqlalchemy.orm import Session, SessionTransaction

from models.open_rows import CHILD_IS_OPEN, PARENT_IS_OPEN
from models.tables import AccountRow, Base, ChildOrderRow, ParentOrderRow, ReservationRow

R = TypeVar("R", bound=Base)


class AdvisoryLock(IntEnum):
    """First key of the two-key advisory locks."""

    AUDIT_CHAIN = 1
    SENDING = 2
    """Held shared from a child's claim until its outcome is stored; a halt waits for its
    holders."""
    OPERATORS = 3
    """Held while operators are added or disabled, so that there is one first and one is always
    left."""
    BREAKERS = 7
    """Held while an account's breakers are judged, so that one evaluator does it at a time."""
    POSITION_GUARD = 8
    """Held while a protective stop of one symbol takes its next step."""
    AUDIT_LOG = 9
    """Held while entries get their places in the audit log, so that there is one log."""
    HALT_FOLLOWER = 11
    """Held by the one task that follows unsealed halts, so that others don't wait behind it."""
    FLATTENER = 12
    """Held by the one task that takes a pass of a flattening, for the same reason."""
    PREDICTIONS = 13
    """Held while an account's predictions are noted or settled, so that one process does it."""


def _key(name: str) -> int:
    """A signed 32-bit key: Postgres' two-key form takes two int4."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], signed=True)


def lock_audit_chain(session: Session, chain: str) -> tuple[int, str] | None:
    """Serialises a chain's writers until the commit; returns its newest entry's (seq, hash).

    None for an empty chain. The entry is read after the lock is held, in the same round trip.
    """
    keys = {"kind": int(AdvisoryLock.AUDIT_CHAIN), "key": _key(chain), "chain": chain}
    found = session.execute(_AUDIT_HEAD, keys).first()
    return None if found is None else (found.seq, found.hash)


_AUDIT_HEAD = text("SELECT seq, hash FROM audit_head(:kind, :key, :chain)")


def _try_until_commit(session: Session, lock: AdvisoryLock, key: int) -> bool:
    keys = {"kind": int(lock), "key": key}
    return bool(session.scalar(text("SELECT pg_try_advisory_xact_lock(:kind, :key)"), keys))


def try_lock_audit_log(session: Session) -> bool:
    """Takes the lock of the one sequencer until the commit; False when another has it."""
    return _try_until_commit(session, AdvisoryLock.AUDIT_LOG, 0)


def lock_operators(session: Session) -> None:
    """Serialises changes of the operators until the commit."""
    keys = {"kind": int(AdvisoryLock.OPERATORS), "key": 0}
    session.execute(text("SELECT pg_advisory_xact_lock(:kind, :key)"), keys)


def try_lock_breakers(session: Session, account: str) -> bool:
    """Takes the account's lock of the evaluator until the commit; False when another has it."""
    return _try_until_commit(session, AdvisoryLock.BREAKERS, _key(account))


def try_lock_predictions(session: Session, account: str) -> bool:
    """Takes the lock of the account's predictions until the commit; False when another has it."""
    return _try_until_commit(session, AdvisoryLock.PREDICTIONS, _key(account))


@contextmanager
def sending_shared(connection: Connection, account: str) -> Iterator[None]:
    """A sender's lock: several may send at once, and a halt sees each of them."""
    keys = {"kind": int(AdvisoryLock.SENDING), "key": _key(account)}
    connection.execute(text("SELECT pg_advisory_lock_shared(:kind, :key)"), keys)
    try:
        yield
    finally:
        connection.execute(text("SELECT pg_advisory_unlock_shared(:kind, :key)"), keys)


@contextmanager
def try_position_guard(connection: Connection, account: str, symbol: str) -> Iterator[bool]:
    """Whether this process alone takes the next step for a symbol's protective stop. It waits for
    nobody."""
    keys = {"kind": int(AdvisoryLock.POSITION_GUARD), "key": _key(f"{account}:{symbol}")}
    is_ours = bool(connection.scalar(text("SELECT pg_try_advisory_lock(:kind, :key)"), keys))
    try:
        yield is_ours
    finally:
        if is_ours:
            connection.execute(text("SELECT pg_advisory_unlock(:kind, :key)"), keys)


@contextmanager
def try_alone(connection: Connection, lock: AdvisoryLock) -> Iterator[bool]:
    """Whether this process alone does what the lock stands for. It waits for nobody."""
    keys = {"kind": int(lock), "key": 0}
    is_ours = bool(connection.scalar(text("SELECT pg_try_advisory_lock(:kind, :key)"), keys))
    try:
        yield is_ours
    finally:
        if is_ours:
            connection.execute(text("SELECT pg_advisory_unlock(:kind, :key)"), keys)


@dataclass(frozen=True, slots=True)
class Holder:
    """A session that may still send or commit a claim; the same one later has another `since`."""

    pid: int
    since: datetime | None
    """None when Postgres doesn't show it; the session counts until it has gone."""
    may_claim: bool = False
    """Whether its transaction changes children, so that its commit may be a claim. Otherwise it
    only holds a sender's lock, and what it has claimed is a committed row."""


def sending_holders(connection: Connection) -> dict[Holder, float]:
    """Sessions that hold any account's sending lock or have children locked, and for how many
    seconds.

    It waits for nothing, so that a halt never delays the senders of exits.
    """
    rows = connection.execute(_HOLDERS, {"kind": int(AdvisoryLock.SENDING)})
    return {Holder(pid, since, may_claim): float(age) for pid, since, may_claim, age in rows}


# A session executes nothing while it holds its lock, so that the end of its last statement is the
# time of the lock. Claims are transactions on other sessions: a transaction that began to change
# children before the halt may still commit a claim.
_HOLDERS = text(
    """
    SELECT a.pid, held.since, held.may_claim,
           coalesce(extract(epoch FROM clock_timestamp() - held.since), 0) AS seconds
      FROM pg_stat_activity a
      JOIN LATERAL (
            SELECT CASE WHEN l.locktype = 'advisory' THEN a.state_change ELSE a.xact_start END
                   AS since, l.locktype = 'relation' AS may_claim
              FROM pg_locks l
             WHERE l.pid = a.pid AND l.granted AND l.database = a.datid
               AND ((l.locktype = 'advisory' AND l.classid = :kind AND l.objsubid = 2)
                    OR (l.locktype = 'relation'
                        AND l.relation = 'child_order'::regclass
                        AND l.mode IN ('RowShareLock', 'RowExclusiveLock')))
           ) held ON true
     WHERE a.datname = current_database() AND a.pid <> pg_backend_pid()
    """
)


def end_session(connection: Connection, pid: int) -> bool:
    """Ends one of our sessions, its locks and its transaction; True once it has gone."""
    found = connection.scalar(text("SELECT pg_terminate_backend(:pid, 2000)"), {"pid": pid})
    return bool(found)


def lock_account(session: Session, account: str) -> bool:
    """Serialises the gate of one account, so that limits hold across workers; False when the
    account is unknown."""
    return session.execute(_ACCOUNT, {"account": account}).first() is not None


_ACCOUNT = (
    select(AccountRow.account).where(AccountRow.account == bindparam("account")).with_for_update()
)


def lock_parent(session: Session, request_id: str) -> ParentOrderRow | None:
    """Locks and rereads a parent until the transaction ends; None when there is none."""
    return _lock(session, ParentOrderRow, request_id)


def lock_open_parents(
    session: Session,
    after: str,
    limit: int,
    *,
    exits: bool,
    wait_ms: int | None,
    only: ColumnElement[bool],
) -> Sequence[ParentOrderRow]:
    """Locks the next open parents that are not ending, by request id; exits only if `exits`,
    and those that meet the condition `only`.

    Without `wait_ms` locked parents are left out; with it they are waited for that long.
    """
    if wait_ms is not None:
        session.execute(text(f"SET LOCAL lock_timeout = '{wait_ms}ms'"))
    parents = session.scalars(
        select(ParentOrderRow)
        .where(
            ParentOrderRow.request_id > after,
            PARENT_IS_OPEN,
            ParentOrderRow.stop_reason.is_(None),
            ParentOrderRow.reduce_only.in_((False, exits)),
            only,
        )
        .order_by(ParentOrderRow.request_id)
        .limit(limit)
        .with_for_update(skip_locked=wait_ms is None)
        .execution_options(populate_existing=True)
    ).all()
    _held(session).update((ParentOrderRow, parent.request_id) for parent in parents)
    return parents


def lock_parents_of(session: Session, account: str, symbol: str) -> Sequence[ParentOrderRow]:
    """Locks the open parents of a symbol, by request id; the caller holds the account's row."""
    parents = session.scalars(
        select(ParentOrderRow)
        .where(
            ParentOrderRow.account == account,
            ParentOrderRow.symbol == symbol,
            PARENT_IS_OPEN,
        )
        .order_by(ParentOrderRow.request_id)
        .with_for_update()
    ).all()
    _held(session).update((ParentOrderRow, parent.request_id) for parent in parents)
    return parents


def lock_reservations(session: Session, request_ids: Sequence[str]) -> None:
    """Locks the reservations of held parents, in one round trip."""
    rows = session.scalars(
        select(ReservationRow)
        .where(ReservationRow.request_id.in_(request_ids))
        .order_by(ReservationRow.request_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()
    # The session keeps rows weakly; these are asked for again one by one.
    session.info[_KEPT] = rows
    _held(session).update((ReservationRow, row.request_id) for row in rows)


def lock_child(session: Session, child_id: int) -> ChildOrderRow | None:
    """Locks a child; the caller holds its parent already if it will change the parent."""
    return _lock(session, ChildOrderRow, child_id)


def lock_open_children(session: Session, request_id: str) -> Sequence[ChildOrderRow]:
    """Locks the children of a held parent that are not final, in one round trip."""
    children = session.scalars(_OPEN_CHILDREN, {"request_id": request_id}).all()
    _held(session).update((ChildOrderRow, child.child_id) for child in children)
    return children


_OPEN_CHILDREN = (
    select(ChildOrderRow)
    .where(
        ChildOrderRow.request_id == bindparam("request_id"),
        CHILD_IS_OPEN,
    )
    .order_by(ChildOrderRow.child_id)
    .with_for_update()
    .execution_options(populate_existing=True)
)


def lock_reservation(session: Session, request_id: str) -> ReservationRow | None:
    """Locks and rereads a reservation until the transaction ends; None when there is none."""
    return _lock(session, ReservationRow, request_id)


def lock_order(session: Session, child_id: int) -> tuple[ParentOrderRow, ChildOrderRow] | None:
    """Locks a child's parent and then the child, in one round trip; None without such a child."""
    return _lock_order(session, _ORDER_BY_CHILD, {"key": child_id})


def lock_order_of_link(
    session: Session, account: str, order_link_id: str
) -> tuple[ParentOrderRow, ChildOrderRow] | None:
    """As `lock_order`, of the account's child with this id at the exchange."""
    return _lock_order(session, _ORDER_BY_LINK, {"account": account, "key": order_link_id})


# Postgres locks a joined row's tables in the order that FOR UPDATE names them.
_ORDER = (
    select(ParentOrderRow, ChildOrderRow)
    .join(ChildOrderRow, ChildOrderRow.request_id == ParentOrderRow.request_id)
    .with_for_update(of=[ParentOrderRow, ChildOrderRow])
    .execution_options(populate_existing=True)
)
_ORDER_BY_CHILD = _ORDER.where(ChildOrderRow.child_id == bindparam("key"))
_ORDER_BY_LINK = _ORDER.where(
    ChildOrderRow.account == bindparam("account"), ChildOrderRow.order_link_id == bindparam("key")
)


def _lock_order(
    session: Session, statement: Any, keys: Mapping[str, object]
) -> tuple[ParentOrderRow, ChildOrderRow] | None:
    found = session.execute(statement, keys).first()
    if found is None:
        return None
    parent, child = found
    _held(session).update({(ParentOrderRow, parent.request_id), (ChildOrderRow, child.child_id)})
    return parent, child


def _lock(session: Session, kind: type[R], key: object) -> R | None:
    """A row that this transaction has locked is the session's own, because no other can change it.
    Changes of the session elsewhere stay unwritten until the commit."""
    if (kind, key) in _held(session):
        return session.get(kind, key)
    if _is_changed(session, kind, key):
        session.flush()  # reading it anew would lose the change
    with session.no_autoflush:
        row = session.get(kind, key, with_for_update=True, populate_existing=True)
    if row is not None:
        _held(session).add((kind, key))
    return row


def _is_changed(session: Session, kind: type[R], key: object) -> bool:
    known = session.identity_map.get(session.identity_key(kind, key))
    return known is not None and session.is_modified(known)


def _held(session: Session) -> set[tuple[type[Base], object]]:
    """The rows that the session's present transaction has locked."""
    transaction = session.get_transaction()
    known: tuple[SessionTransaction | None, set[tuple[type[Base], object]]] | None
    known = session.info.get(_HELD)
    if known is None or known[0] is not transaction:
        known = session.info[_HELD] = (transaction, set())
    return known[1]


_HELD = "rows that are locked"
_KEPT = "rows that must stay in the session"
