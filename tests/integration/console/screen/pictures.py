"""A view of the screen as the tests draw it: its processes, its moment and its lines."""

import io
from datetime import UTC, datetime
from decimal import Decimal

from rich.console import Console
from sqlalchemy.orm import Session

from console.screen.layout import compose
from console.screen.view import ScreenView
from console.views.limit_use import LimitUse
from console.views.live.queries import live
from tests.support.scene import ACCOUNT, Scene, read_only_engine
from workers.supervision.supervisor import ProcessStatus

NOW = datetime(2025, 6, 1, 12, 0, 10, tzinfo=UTC)


PROCESSES = tuple(
    ProcessStatus(name, "RUNNING", 1000 + i, 60.0, 0, 90.0)
    for i, name in enumerate(
        (
            *("supervisord", "postgres", "redis", "paper-exchange", "beat", "emergency"),
            *("execution", "feed", "flower", "monitoring", "reporting", "validation"),
            "demo-strategy",
        )
    )
)


def view_of(scene: Scene) -> ScreenView:
    engine = read_only_engine(scene.database_url)
    try:
        with Session(engine) as session:
            moment = live(session, ACCOUNT)
    finally:
        engine.dispose()
    return ScreenView(
        home="/state",
        now=NOW,
        live=moment,
        processes=PROCESSES,
        addresses={"Flower": "http://127.0.0.1:5555", "exchange": "http://127.0.0.1:8099"},
        limits=(LimitUse("position_size", Decimal(9), Decimal(10), "USDT"),),
        marks={"BTCUSDT": Decimal("30010.5")},
        market_age_seconds=0.2,
    )


def drawn(view: ScreenView, width: int, height: int) -> list[str]:
    """The lines of a frame, as a terminal of that size gets them."""
    console = Console(width=width, height=height, file=io.StringIO(), force_terminal=False)
    console.print(compose(view, width, height, note="demo: 9 s left"), height=height)
    output = console.file
    assert isinstance(output, io.StringIO)
    return output.getvalue().splitlines()
