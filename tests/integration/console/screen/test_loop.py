"""The screen fits its terminal at every size, and never loses the trading state."""

import threading

import pytest

from config.settings import Settings
from console.screen.lines import line
from console.screen.loop import watch
from console.screen.source import ViewSource
from console.screen.view import ScreenView
from tests.integration.console.screen.pictures import NOW, drawn
from tests.support.scene import ACCOUNT, Scene


def test_while_postgres_is_away_the_screen_says_so() -> None:
    view = ScreenView(home="/state", now=NOW, live=None, problem="Postgres can't be reached (gone)")
    assert any("Postgres can't be reached" in row for row in drawn(view, 120, 40))
    assert line(view).endswith("Postgres can't be reached (gone)")


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
