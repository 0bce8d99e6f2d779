"""Pictures of costs: every algorithm with its parts, one trade with its fills, always a PNG."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bot.tca.analysis import TradeCost, analyse
from console.views.costs.cost_chart import by_algorithm_figure, save, trade_figure
from tests.unit.bot.execution.tca.trades import child, minutes, part, trade

PNG = b"\x89PNG\r\n\x1a\n"


def cost(price: str, algorithm: str = "twap") -> TradeCost:
    return replace(analyse(trade(child(0, part("10", price)))), algorithm=algorithm)


def labels(axes: Axes) -> list[str]:
    return axes.get_legend_handles_labels()[1]


def drawn(figure: Figure, tmp_path: Path) -> bytes:
    path = tmp_path / "picture.png"
    save(figure, path)
    assert [one.name for one in tmp_path.iterdir()] == ["picture.png"]
    return path.read_bytes()


def test_each_algorithm_has_its_four_parts_and_its_total(tmp_path: Path) -> None:
    figure = by_algorithm_figure([cost("101"), cost("99"), cost("100", "pov")])
    (axes,) = figure.axes
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names == ["pov\n1 trade", "twap\n2 trades"]
    assert len(axes.patches) == 2 * 4
    assert labels(axes) == ["delay", "trading", "opportunity", "fees", "total with 95 % interval"]
    assert drawn(figure, tmp_path).startswith(PNG)


def test_a_bar_is_as_long_as_its_part() -> None:
    (axes,) = by_algorithm_figure([cost("101")]).axes
    widths = {
        bar.get_label(): bar.patches[0].get_width()  # type: ignore[attr-defined]
        for bar in axes.containers
        if hasattr(bar, "patches")
    }
    assert widths == pytest.approx(
        {"delay": 0.0, "trading": 100.0, "opportunity": 0.0, "fees": 0.0}
    )


def test_no_ended_trades_are_said(tmp_path: Path) -> None:
    figure = by_algorithm_figure([replace(cost("101"), is_final=False)])
    assert "no trades have ended" in [text.get_text() for text in figure.axes[0].texts]
    assert drawn(figure, tmp_path).startswith(PNG)


def test_one_trade_shows_the_market_its_benchmarks_and_who_rested(tmp_path: Path) -> None:
    first = child(0, part("4", "99", maker=True), sent=30, qty="4")
    second = child(1, part("6", "101"), sent=90, qty="6")
    bars = minutes("100", "102", "101", *["100"] * 6)
    figure = trade_figure(analyse(trade(first, second), bars), bars)
    price, progress = figure.axes
    shown = labels(price)
    assert shown[:2] == ["minutes, low to high", "minutes, at their edges"]
    assert [one.rpartition(" ")[0] for one in shown[2:6]] == [
        "decision",
        "first order",
        "market's VWAP",
        "our average",
    ]
    assert shown[6:] == ["1 taker's fills", "1 maker's fills"]
    assert labels(progress) == ["filled", "planned"]
    filled, planned = progress.lines
    assert list(filled.get_ydata()) == [0.0, 40.0, 100.0, 100.0]
    assert list(planned.get_ydata()) == [0.0, 40.0, 100.0, 100.0]
    assert drawn(figure, tmp_path).startswith(PNG)


def test_re_priced_orders_are_no_plan() -> None:
    children = [child(i, sent=10.0 * i, qty="10") for i in range(3)]
    progress = trade_figure(analyse(trade(*children))).axes[1]
    assert labels(progress) == ["filled"]


def test_a_trade_without_market_and_fills_is_drawn_all_the_same(tmp_path: Path) -> None:
    figure = trade_figure(analyse(trade(child(0, sent=None))))
    assert "decision 100" in labels(figure.axes[0])
    assert drawn(figure, tmp_path).startswith(PNG)


def test_only_a_picture_loads_matplotlib() -> None:
    code = (
        "import sys, console.cli, console.commands.trading.tca, console.views.costs.cost_report;"
        "import tasks.reporting;"
        "sys.exit('matplotlib' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
