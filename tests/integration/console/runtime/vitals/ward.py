"""A system in which everything is well, until a test spoils one thing."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import delete
from sqlalchemy.orm import Session

from bot.risk.snapshot import MarketView
from console.runtime.vitals.check import check_vitals
from console.runtime.vitals.patient import Patient, Vital
from tests.support.desk import ACCOUNT, Desk

D = Decimal


SYMBOL = "BTCUSDT"


FEED = {
    "public": "live",
    "private": "live",
    "public_silent_seconds": 0.1,
    "private_silent_seconds": 12.0,
    "refused": {},
}


LONG_AGO = timedelta(hours=5)

Spoil = Callable[[Session, "Ward"], None]


@dataclass
class Ward:
    """A system in which everything is well, until a test spoils one thing."""

    desk: Desk
    markets: dict[str, MarketView | None] = field(default_factory=dict)
    ineffective: tuple[str, ...] = ()
    unusable: str | None = None
    protects: bool = True

    def check(self) -> list[Vital]:
        with self.desk.db.reading() as session:
            return check_vitals(
                Patient(
                    session,
                    ACCOUNT,
                    (SYMBOL,),
                    self.desk.clock.now(),
                    self.markets,
                    self.ineffective,
                    self.unusable,
                    self.protects,
                )
            )

    def wrong(self) -> dict[str, str]:
        return {vital.name: vital.problem for vital in self.check() if vital.problem is not None}


def void(_: object) -> None:
    return None


def add(row: Callable[[Ward], Any]) -> Callable[[Session, Ward], None]:
    return lambda session, ward: void(session.merge(row(ward)))


def drop(kind: Any, name: str | None = None) -> Callable[[Session, Ward], None]:
    def spoil(session: Session, _: Ward) -> None:
        query = delete(kind)
        session.execute(query if name is None else query.where(kind.name == name))

    return spoil


def named_after(ward: Ward, spoil: Spoil, name: str) -> str:
    """The problem of the finding of a name, once the system is spoilt."""
    with ward.desk.db.transaction() as session:
        spoil(session, ward)
    return ward.wrong()[name]
