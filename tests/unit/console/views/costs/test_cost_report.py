"""What `mlrisk tca` prints of the impact law and of one trade."""

from dataclasses import replace

import yaml
from rich.console import Console

from bot.tca.analysis import TradeCost, analyse
from bot.tca.impact import ImpactFit, ImpactPoint
from bot.tca.refit import judged
from bot.tca.service import Costs
from console.views.costs.cost_report import (
    facts,
    print_costs,
    print_trade,
    print_verdict,
    verdict_facts,
)
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
    assert "show no impact" in text
    assert "propose" not in text


def test_the_daily_re_fit_says_what_it_would_do_and_who_has_to_agree() -> None:
    def said(fit: ImpactFit) -> str:
        out = Console(width=200)
        with out.capture() as text:
            print_verdict(out, judged(fit, 1.0), 1.0)
        return text.get()

    raised = said(ImpactFit(1.4, 1.2, 1.6, 90, 0))
    assert "impact-refit brings gate.impact_coefficient from 1 to 1.4 (stricter, acts" in raised
    assert "mlrisk config propose gate.impact_coefficient=1.4" in raised
    assert "waits for a person in production" in said(ImpactFit(0.6, 0.5, 0.7, 90, 0))
    stays = said(ImpactFit(1.0, 0.9, 1.1, 90, 0))
    assert "[0.900, 1.100]" in stays and "stays at 1" in stays


def test_the_daily_re_fit_for_a_program() -> None:
    fit = ImpactFit(1.4, 1.2, 1.6, 90, 3)
    found = verdict_facts(fit, judged(fit, 1.0), 1.0)
    assert found["fit"]["points"] == 90
    assert (found["in_force"], str(found["wished"])) == (1.0, "1.400")


def test_too_few_trades_say_so_in_words_and_json() -> None:
    assert "too few" in printed(many(3, 1.0))
    assert facts(Costs(many(3, 1.0), ()))["impact_fit"]["refused"].startswith("3 usable trades")


def test_a_resting_order_is_shown_with_its_style_and_what_it_earned() -> None:
    resting = replace(child(0, part("10", "99", maker=True)), style="post_only")
    out = Console(width=200)
    with out.capture() as text:
        print_trade(out, analyse(trade(resting)))
    (line,) = (line for line in text.get().splitlines() if "post_only" in line)
    # Bought at the bid: trading earned the half spread, and that is no impact.
    assert line.split()[:4] == ["0", "0", "post_only", "filled"]
    assert "-10" in line.split() and "0.00" in line.split()
