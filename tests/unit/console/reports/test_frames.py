"""Frames: account, period, source, age and watermark of each report."""

from datetime import timedelta

from bot.tca.analysis import analyse
from bot.tca.service import Costs
from config.settings import ExchangeMode, Settings
from console.reports.frames import costs_frame, daily_frame, trade_frame
from tests.support.documents.daily_facts import T0, daily_facts
from tests.unit.bot.execution.tca.trades import child, minutes, part, trade
from tests.unit.console.reports.samples import READ

PAPER = Settings.model_construct(account="main", exchange_mode=ExchangeMode.PAPER)
LIVE = Settings.model_construct(account="main", exchange_mode=ExchangeMode.LIVE)
COST = analyse(trade(child(0, part("10", "101"))))


def test_a_day_has_its_own_account_and_time() -> None:
    frame = daily_frame(daily_facts(), PAPER, T0 + timedelta(seconds=5))
    assert (frame.account, frame.period) == ("fine", "UTC day 2026-11-30")
    assert frame.age.endswith("5.0 seconds old")
    assert frame.watermark == "PAPER: no real money"
    assert daily_frame(daily_facts(), LIVE, T0).watermark is None


def test_costs_say_since_when_and_whether_they_know_the_market() -> None:
    frame = costs_frame(Costs((COST,), ()), T0, PAPER, READ)
    assert (frame.account, frame.period) == ("main", "trades begun since 2026-11-30T00:00:00.000Z")
    assert frame.source.endswith("no market bars")
    assert "days old" in frame.age
    known = Costs((COST,), (), {"BTCUSDT": minutes("100")})
    assert costs_frame(known, T0, LIVE, READ).source.endswith("minute bars of the exchange")


def test_one_trade_is_named() -> None:
    frame = trade_frame(Costs((COST,), ()), COST, LIVE, READ)
    assert frame.title == "mlrisk main, costs of r-1"
    assert frame.watermark is None
