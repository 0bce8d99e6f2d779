"""What a halt would do is counted by its scope, and a database that is away stops no halt."""

import pytest
from sqlalchemy import create_engine

from bot.state.scope import EVERYTHING, Scope
from console.runtime.halts.halt_steps import HaltOrder
from console.web.consequences import consequences_of, epoch_of
from models.enums import ScopeKind, TradingState
from tests.support.scene import Scene
from workers.supervision.ports import free_port

pytestmark = pytest.mark.services


def test_each_scope_counts_its_own(scene: Scene) -> None:
    scene.trade("r-0")
    scene.decide("r-1")
    engine = scene.db.engine
    found = consequences_of(engine, HaltOrder(EVERYTHING, "drill", flatten=True))
    assert (found.state, found.entries, found.planned, found.exits) == (
        TradingState.ACTIVE,
        1,
        1,
        0,
    )
    assert len(found.positions) == 1 and found.positions[0].startswith("BTCUSDT ")
    other = Scope(ScopeKind.STRATEGY, "another")
    found = consequences_of(engine, HaltOrder(other, "drill"))
    assert (found.entries, found.planned, found.positions) == (0, 0, ())
    elsewhere = Scope(ScopeKind.SYMBOL, "ETHUSDT")
    assert consequences_of(engine, HaltOrder(elsewhere, "x", flatten=True)).positions == ()


def test_a_database_that_is_away_is_told() -> None:
    engine = create_engine(f"postgresql+psycopg://nobody@127.0.0.1:{free_port()}/none")
    found = consequences_of(engine, HaltOrder(EVERYTHING, "drill"))
    assert found.unknown is not None and "can't be read" in found.unknown
    assert epoch_of(engine, EVERYTHING) is None
