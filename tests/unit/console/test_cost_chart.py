"""The picture of costs is well-formed SVG whatever it shows."""

from dataclasses import replace
from xml.etree import ElementTree

from bot.execution.tca.analysis import TradeCost, analyse
from console.cost_chart import by_algorithm_svg
from tests.unit.bot.execution.tca.trades import child, part, trade


def cost(price: str, algorithm: str = "twap") -> TradeCost:
    return replace(analyse(trade(child(0, part("10", price)))), algorithm=algorithm)


def test_each_algorithm_has_its_bars_and_its_name_is_escaped() -> None:
    text = by_algorithm_svg([cost("101"), cost("99"), cost("100", "<b>")])
    root = ElementTree.fromstring(text)
    words = [node.text for node in root.iter("{http://www.w3.org/2000/svg}text")]
    assert "twap (2)" in words and "<b> (1)" in words
    assert len(list(root.iter("{http://www.w3.org/2000/svg}circle"))) == 2


def test_everything_drawn_lies_within_the_picture() -> None:
    root = ElementTree.fromstring(by_algorithm_svg([cost("140"), cost("60")]))
    for bar in root.iter("{http://www.w3.org/2000/svg}rect"):
        left, width = float(bar.get("x", "0")), float(bar.get("width", "0"))
        assert left >= 0 and width >= 0 and left + width <= 900


def test_no_trades_are_said() -> None:
    assert "no trades" in by_algorithm_svg([])
