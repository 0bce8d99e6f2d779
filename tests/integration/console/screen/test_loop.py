"""The screen fits its terminal at every size, and never loses the trading state."""

import io
import re
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from rich.console import Console
from sqlalchemy.orm import Session

from bot.execution.orders.control import ParentControl
from bot.safety.halt import TradingHalt
from config.settings import Settings
from console.screen import words
from console.screen.layout import compose
from console.screen.lines import line
from console.screen.loop import watch
from console.screen.panels import STALE_SECONDS
from console.screen.source import ViewSource
from console.screen.view import ScreenView
from console.views.limit_use import LimitUse
from console.views.moment import HeartbeatLine
from console.views.queries import live
from models.tables import BreakerRow
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


def _view(scene: Scene) -> ScreenView:
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


def _drawn(view: ScreenView, width: int, height: int) -> list[str]:
    """The lines of a frame, as a terminal of that size gets them."""
    console = Console(width=width, height=height, file=io.StringIO(), force_terminal=False)
    console.print(compose(view, width, height, note="demo: 9 s left"), height=height)
    output = console.file
    assert isinstance(output, io.StringIO)
    return output.getvalue().splitlines()


@pytest.fixture
def traded(scene: Scene) -> Scene:
    """One filled trade, one under way, one denied."""
    scene.trade("r-1")
    scene.decide("r-2", signal={"algorithm": "twap", "horizon_seconds": 20, "interval_seconds": 5})
    scene.decide("r-3", predictions={"confidence": 0.1})
    return scene


@pytest.mark.services
def test_120x40_shows_everything_without_cutting_names(traded: Scene) -> None:
    lines = _drawn(_view(traded), 120, 40)
    text = "\n".join(lines)
    assert len(lines) == 40
    assert all(len(drawn) <= 120 for drawn in lines)
    for expected in (
        *("ACTIVE", "equity 100,000.00", "market age 0.2 s", "demo: 9 s left"),
        *("3: 2 allowed, 0 shrunk, 1 denied", "insufficient_confidence", "deny", "allow"),
        *("child orders: 1 filled, 4 planned", "position_size", "90%", "fills: 1"),
        # 0.1 BTC bought at 30000.5 and marked at 30010.5.
        *("30000.5", "+1.00", "positions: 1 open, fees 0.01"),
        *("processes: 13 of 13 run", "paper-exchange", "http://127.0.0.1:5555"),
    ):
        assert expected in text, expected


@pytest.mark.services
@pytest.mark.parametrize("size", [(200, 60), (120, 40), (100, 30), (80, 24), (60, 16), (40, 8)])
def test_every_size_keeps_the_state_and_its_bounds(traded: Scene, size: tuple[int, int]) -> None:
    width, height = size
    TradingHalt(traded.db, traded.clock).halt(reason="drill", actor="tester")
    lines = _drawn(_view(traded), width, height)
    assert len(lines) <= height
    assert all(len(drawn) <= width for drawn in lines)
    assert any("HALTED" in drawn for drawn in lines)


@pytest.mark.services
def test_a_resting_order_is_shown_at_its_price_and_its_parent_with_what_holds_it(
    traded: Scene,
) -> None:
    traded.decide("r-4", signal={"algorithm": "passive", "horizon_seconds": 60})
    child = traded.rest("r-4")
    traded.accept(child)
    text = "\n".join(_drawn(_view(traded), 160, 40))
    assert re.search(r"r-4 .*0\.05 +rests +29999\.9", text)
    assert "passive, 0% filled" in text
    control = ParentControl(traded.db, traded.clock)
    control.pause("r-4", reason="drill", actor="tester")
    assert "paused by the operator; passive" in "\n".join(_drawn(_view(traded), 160, 40))
    control.cancel("r-4", reason="drill", actor="tester")
    text = "\n".join(_drawn(_view(traded), 160, 40))
    assert re.search(r"r-4 .*0\.05 +recalled +29999\.9", text)
    assert "ending: cancelled by" in text


@pytest.mark.services
def test_a_tripped_breaker_and_an_unwell_process_stand_out(traded: Scene) -> None:
    with traded.db.transaction() as session:
        session.add(
            BreakerRow(
                scope_kind="account",
                scope_key=ACCOUNT,
                kind="daily_loss_limit",
                tripped=True,
                value="0.04",
                limit="0.03",
                reason="lost",
                changed_at=NOW,
            )
        )
    view = _view(traded)
    down = replace(view.processes[-1], state="BACKOFF", restarts=3)
    view = replace(view, processes=(*view.processes[:-1], down))
    text = "\n".join(_drawn(view, 120, 40))
    assert "daily_loss_limit" in text
    assert "TRIPPED" in text
    assert "backoff" in text
    assert "12 of 13 run" in text
    assert "breakers=daily_loss_limit" in line(view)
    assert "not_running=demo-strategy" in line(view)


@pytest.mark.services
def test_a_silent_worker_s_heartbeat_is_shown_by_its_age(traded: Scene) -> None:
    view = _view(traded)
    assert view.live is not None
    beat = HeartbeatLine("queue:execution", 7, STALE_SECONDS + 5, {})
    view = replace(view, live=replace(view.live, heartbeats=(beat,)))
    row = next(drawn for drawn in _drawn(view, 120, 40) if "40 s" in drawn)
    assert "execution " in row


@pytest.mark.services
def test_a_line_tells_the_same_for_logs(traded: Scene) -> None:
    text = line(_view(traded))
    for expected in ("ACTIVE", "equity=100000", "allow=2", "deny=1", "fills=1", "market_age=0.2s"):
        assert expected in text


def test_while_postgres_is_away_the_screen_says_so() -> None:
    view = ScreenView(home="/state", now=NOW, live=None, problem="Postgres can't be reached (gone)")
    assert any("Postgres can't be reached" in drawn for drawn in _drawn(view, 120, 40))
    assert line(view).endswith("Postgres can't be reached (gone)")


@pytest.mark.services
def test_the_source_reads_frames_and_survives_the_loss_of_postgres(
    traded: Scene, monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    source = ViewSource(
        Settings(home=str(tmp_path), database_url=traded.database_url, account=ACCOUNT),  # type: ignore[arg-type]
        {},
    )
    try:
        view = source.read()
        assert view.live is not None
        assert view.live.fill_count == 1
        assert {use.name for use in view.limits} >= {"position_size", "gross_exposure"}
        assert "fills=1" in source.summary()
    finally:
        source.close()
    lost = ViewSource(
        Settings(home=str(tmp_path), database_url="postgresql+psycopg://x:secret@127.0.0.1:1/x"),  # type: ignore[arg-type]
        {},
    )
    try:
        view = lost.read()
        assert view.live is None
        assert "Postgres can't be reached" in (view.problem or "")
        assert "secret" not in (view.problem or "")
        assert lost.summary() == ""
    finally:
        lost.close()


@pytest.mark.services
def test_watching_without_a_terminal_prints_lines_until_it_is_over(
    traded: Scene, capsys: pytest.CaptureFixture[str], tmp_path: object
) -> None:
    source = ViewSource(
        Settings(home=str(tmp_path), database_url=traded.database_url, account=ACCOUNT),  # type: ignore[arg-type]
        {},
    )
    frames = iter([False, True])
    try:
        watch(source, stop=threading.Event(), until=lambda: next(frames), terminal=False)
        stopped = threading.Event()
        stopped.set()
        watch(source, stop=stopped, terminal=False)
    finally:
        source.close()
    assert capsys.readouterr().out.count("ACTIVE") == 1


def test_sparklines_and_bars_have_their_width() -> None:
    assert words.sparkline([Decimal(i) for i in range(100)], 10)[-1] == "█"
    assert len(words.sparkline([Decimal(i) for i in range(100)], 10)) == 10
    assert words.sparkline([Decimal(5)] * 3, 10) == "▄▄▄"
    assert words.sparkline([], 10) == ""
    assert words.bar(0.5, 8) == "████░░░░"
    assert words.bar(7.0, 8) == "█" * 8


def test_durations_and_money_read_well() -> None:
    assert [words.seconds(s) for s in (0.04, 59, 900, 90_000, None)] == [
        "0.0 s",
        "59 s",
        "15 min",
        "25 h",
        "–",
    ]
    assert words.money(Decimal("-1234567.895")) == "-1,234,567.90"
    assert words.money(None) == "–"
    assert words.price(Decimal("0.070512345")) == "0.0705123"
    assert words.price(Decimal("65123.45")) == "65123.4"
    assert words.short_id("demo-123456789", 6) == "…56789"
    assert words.clock(NOW + timedelta(hours=1)) == "13:00:10"
