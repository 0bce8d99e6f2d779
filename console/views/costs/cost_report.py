"""Costs of trades as JSON and tables."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict
from decimal import Decimal
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from sqlalchemy.orm import Session

from bot.clock import SystemClock
from bot.errors import Refused
from bot.exchange import factory
from bot.tca.analysis import TradeCost
from bot.tca.impact import ImpactFit, fit_impact
from bot.tca.refit import ACTOR, PATH, FitVerdict
from bot.tca.resampling import Estimate
from bot.tca.service import Costs, costs
from bot.tca.summary import AlgorithmSummary, by_algorithm
from config.settings import Settings
from console.runtime.configuring import moment_of
from console.views.costs.cost_csv import cell
from console.views.live.queries import database_now
from models.amounts import shortest


def find_costs(
    session: Session, settings: Settings, *, request_id: str | None, since: str, ask_market: bool
) -> Costs:
    """The costs of one trade, or of all trades since a moment. It only reads from the exchange."""
    start = None if request_id is not None else moment_of(since, database_now(session))
    if not ask_market:
        return costs(session, request_id=request_id, since=start)
    with closing(factory.make_exchange(settings, SystemClock())) as exchange:
        return costs(session, request_id=request_id, since=start, bars=exchange)


def facts(found: Costs) -> dict[str, Any]:
    """All costs, for a program."""
    return {
        "trades": [asdict(trade) for trade in found.trades],
        "by_algorithm": [asdict(summary) for summary in by_algorithm(found.trades)],
        "impact_fit": impact_fit(found.trades),
        "problems": list(found.problems),
    }


def print_costs(out: Console, found: Costs) -> None:
    """Prints for a person the costs by algorithm, then the impact law that these trades suggest."""
    table = Table(
        "algorithm", "trades", "notional", "cost", "weighted bps", "mean bps [95 %]", "delay",
        "trading", "opportunity", "fees", "vs VWAP", "impact", "expected", "filled", "maker",
        box=None,
    )  # fmt: skip
    for one in by_algorithm(found.trades):
        table.add_row(*_summary_cells(one))
    out.print(table)
    working = sum(not trade.is_final for trade in found.trades)
    if working:
        out.print(f"{working} trades are still under way and left out")
    _print_fit(out, impact_fit(found.trades))


def _print_fit(out: Console, fit: dict[str, Any]) -> None:
    if fit["refused"] is not None:
        out.print(escape(f"impact law: {fit['refused']}"))
        return
    out.print(
        rf"impact law: Y = {fit['coefficient']:.3f} \[{fit['low']:.3f}, {fit['high']:.3f}] of "
        f"{fit['points']} trades"
    )
    if fit["low"] > 0.0:
        out.print(
            f"the gate uses it after: mlrisk config propose {PATH}="
            f"{fit['coefficient']:.3f} -r 'fitted on own fills'"
        )
    else:
        out.print("the interval includes 0: these trades show no impact that the gate could use")


def verdict_facts(fit: ImpactFit, verdict: FitVerdict, in_force: float) -> dict[str, Any]:
    """The daily re-fit's finding, for a program."""
    return {
        "fit": asdict(fit),
        "in_force": in_force,
        "wished": verdict.wished,
        "because": verdict.because,
    }


def print_verdict(out: Console, verdict: FitVerdict, in_force: float) -> None:
    """Prints for a person the fit's result, and its consequence in the daily task."""
    out.print(escape(f"impact law: {verdict.because}"))
    if verdict.wished is None:
        out.print(f"{PATH} stays at {in_force:g}")
        return
    stricter = verdict.wished > Decimal(repr(in_force))
    way = "stricter, acts at once" if stricter else "looser, waits for a person in production"
    out.print(f"{ACTOR} brings {PATH} from {in_force:g} to {shortest(verdict.wished)} ({way})")
    out.print(f"by hand: mlrisk config propose {PATH}={shortest(verdict.wished)} -r 'fitted'")


def print_trade(out: Console, trade: TradeCost) -> None:
    """Prints for a person the four parts, their benchmarks, and every order."""
    cost, market = trade.cost, trade.market
    out.print(
        f"[bold]{escape(trade.request_id)}[/]  {escape(trade.algorithm)} {trade.side} "
        f"{escape(trade.symbol)} {cell(cost.filled)} of {cell(trade.qty)}  "
        f"state {escape(trade.state)}{'' if trade.is_final else ', so far'}"
    )
    parts = Table("", "quote", "", box=None)
    parts.add_row("delay", cell(cost.delay), f"{trade.first_order_basis}, "
                  f"{cell(trade.prices.first_order)}")  # fmt: skip
    parts.add_row("trading", cell(cost.trading), f"average {cell(cost.average) or 'none'}")
    parts.add_row("opportunity", cell(cost.opportunity), f"{trade.end_basis}, "
                  f"{cell(trade.prices.end)}")  # fmt: skip
    parts.add_row("fees", cell(cost.fees), f"maker share {cell(trade.maker_share) or 'none'}")
    parts.add_row("[bold]total[/]", f"[bold]{cell(cost.total)}[/]", f"{_bps(cost.bps)} bps of "
                  f"{trade.decision_basis}, {cell(trade.prices.decision)}")  # fmt: skip
    out.print(parts)
    out.print(
        f"against VWAP {_bps(market.vwap_bps)} bps, TWAP {_bps(market.twap_bps)} bps; "
        f"participation {cell(market.participation) or 'unknown'}; impact "
        f"{_bps(trade.realised_impact_bps)} bps, expected {_bps(trade.expected_impact_bps)}; "
        f"came back after 1 min {_bps(market.reversion_1m_bps)}, after 5 min "
        f"{_bps(market.reversion_5m_bps)} bps"
    )
    out.print(_children(trade))


def _children(trade: TradeCost) -> Table:
    table = Table(
        "slot", "try", "style", "state", "qty", "filled", "arrival", "average", "delay",
        "trading", "fees", "vs VWAP bps", "impact bps", "maker", "late ms", "ack ms", box=None,
    )  # fmt: skip
    for child in trade.children:
        cost = child.cost
        table.add_row(
            str(child.slot), str(child.attempt), escape(child.style), escape(child.state),
            *map(cell, (child.qty, cost.filled, child.arrival, cost.average, cost.delay,
                         cost.trading, cost.fees)),
            _bps(child.market.vwap_bps), _bps(child.realised_impact_bps), cell(child.maker_share),
            *("" if ms is None else f"{ms:.0f}" for ms in (child.late_ms, child.ack_ms)),
        )  # fmt: skip
    return table


def _summary_cells(one: AlgorithmSummary) -> list[str]:
    means = (one.delay_bps, one.trading_bps, one.opportunity_bps, one.fees_bps)
    known = (one.vwap_bps, one.impact_bps, one.expected_impact_bps)
    return [
        escape(one.algorithm),
        str(one.trades),
        f"{one.notional:.2f}",
        f"{one.cost:.4f}",
        _bps(one.weighted_bps),
        _interval(one.total_bps),
        *(_bps(mean.value) for mean in means),
        *(_bps(None if mean is None else mean.value) for mean in known),
        *("" if part is None else f"{part:.1%}" for part in (one.fill_rate, one.maker_share)),
    ]


def impact_fit(trades: Sequence[TradeCost]) -> dict[str, Any]:
    """The impact law that ended trades suggest, or in `refused` why they suggest none."""
    points = [
        trade.impact_point for trade in trades if trade.impact_point is not None and trade.is_final
    ]
    try:
        return {**asdict(fit_impact(points)), "refused": None}
    except Refused as error:
        return {"refused": error.message}


def _bps(value: Decimal | float | None) -> str:
    return "unknown" if value is None else f"{value:.2f}"


def _interval(of: Estimate) -> str:
    if of.low is None or of.high is None:
        return f"{of.value:.2f}"
    return rf"{of.value:.2f} \[{of.low:.2f}, {of.high:.2f}]"
