"""What `mlrisk tca` prints of the impact law, and how numbers look in its CSV."""

from dataclasses import replace

import yaml
from rich.console import Console

from bot.execution.tca.analysis import TradeCost, analyse
from bot.execution.tca.impact import ImpactPoint
from bot.execution.tca.service import Costs
from console.cost_report import cost_csv, facts, print_costs
from tests.support.repository import ROOT
from tests.unit.bot.execution.tca.trades import child, part, trade


def many(count: int, y: float) -> tuple[TradeCost, ...]:
    made = analyse(trade(child(0, part("10", "101", "1"))))
    point = ImpactPoint(0.0, 10_000.0, 1e8, 0.02)
    return tuple(
        replace(made, impact_point=replace(point, impact=point.law * (y + 0.01 * (i % 5 - 2))))
        for i in range(count)
    )


def printed(costs: tuple[TradeCost, ...]) -> str:
    out = Console(width=200, record=True, quiet=True)
    with out.capture() as text:
        out.quiet = False
        print_costs(out, Costs(costs, ()))
    return text.get()


def test_a_fit_names_the_command_that_feeds_the_gate() -> None:
    text = printed(many(40, 0.8))
    assert "Y = 0.800 [0.7" in text
    assert "mlrisk config propose gate.impact_coefficient=0.800" in text


def test_the_named_key_is_one_of_the_configuration() -> None:
    written = yaml.safe_load((ROOT / "config" / "ml_risk_config.yaml").read_text())
    assert "impact_coefficient" in written["base"]["gate"]


def test_trades_under_way_are_left_out_and_said() -> None:
    trades = many(40, 0.8)
    working = tuple(replace(one, is_final=False) for one in trades[:15])
    text = printed(working + trades[15:])
    assert "15 trades are still under way" in text
    assert "25 usable trades are too few" in text


def test_a_fit_without_an_impact_feeds_nothing() -> None:
    text = printed(many(40, 0.0))
    assert "don't show an impact" in text
    assert "propose" not in text


def test_too_few_trades_say_so_in_words_and_json() -> None:
    assert "too few" in printed(many(3, 1.0))
    assert facts(Costs(many(3, 1.0), ()))["impact_fit"]["refused"].startswith("3 usable trades")


def test_csv_has_a_heading_and_plain_numbers() -> None:
    heading, line = cost_csv(many(1, 1.0)).splitlines()
    assert heading.count(",") == line.count(",")
    assert heading.startswith("request_id,strategy,algorithm")
    assert "E+" not in line and "E-" not in line
    assert ",11," in line
