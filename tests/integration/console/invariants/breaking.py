"""Breaks one thing of a true history."""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from sqlalchemy import text, update
from sqlalchemy.orm import Session

from models.enums import ChildState
from models.tables import Base, ChildOrderRow
from tests.support.scene import Scene

D = Decimal
PASSIVE = {"algorithm": "passive", "horizon_seconds": 300}
FORCED = {"verdict": "allow", "approved_qty": D("0.1"), "approved_notional": D("3000")}
"""What somebody writes over a denial."""
TWO_SLICES = {"algorithm": "twap", "horizon_seconds": 200, "interval_seconds": 100}


@contextmanager
def broken(scene: Scene) -> Iterator[Session]:
    """A transaction in which constraints between rows are not looked at."""
    with scene.db.transaction() as session:
        session.execute(text("SET LOCAL session_replication_role = replica"))
        yield session


def change(scene: Scene, table: type[Base], where: Any, **values: Any) -> None:
    with broken(scene) as session:
        session.execute(update(table).where(where).values(**values))


def only(violated: dict[str, tuple[str, ...]], name: str) -> str:
    """The one text that an invariant has, whatever the others say."""
    assert name in violated, violated
    return "; ".join(violated[name])


def resting(scene: Scene) -> ChildOrderRow:
    """An order of half its parent that the exchange has shown to rest."""
    scene.decide("r-1", signal=PASSIVE)
    child = scene.rest("r-1")
    scene.accept(child)
    change(scene, ChildOrderRow, ChildOrderRow.child_id == child.child_id, state=ChildState.WORKING)
    return child
