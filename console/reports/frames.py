"""The frames of reports: whose facts they have, of which time, and how old these are."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from bot.tca.analysis import TradeCost
from bot.tca.service import Costs
from config.settings import Settings
from console.output import utc
from console.reports.costs import newest_fact
from console.reports.document import Frame
from console.views.watermark import watermark

_ROWS = "Postgres: decisions, orders, fills"


def daily_frame(facts: Mapping[str, Any], settings: Settings, read_at: datetime) -> Frame:
    """The frame of a day. `settings` are the database's."""
    return Frame(
        title=f"mlrisk {facts['account']}, {facts['day']}",
        account=str(facts["account"]),
        period=f"UTC day {facts['day']}",
        source=f"{_ROWS}, equity readings, alerts, audit; limits in force now",
        read_at=read_at,
        newest=facts["newest"],
        watermark=watermark(settings),
    )


def costs_frame(found: Costs, start: datetime, settings: Settings, read_at: datetime) -> Frame:
    """The frame of the trades that began since a moment. `settings` are the database's."""
    return Frame(
        title=f"mlrisk {settings.account}, costs of trades",
        account=settings.account,
        period=f"trades begun since {utc(start)}",
        source=_source(found),
        read_at=read_at,
        newest=newest_fact(found.trades),
        watermark=watermark(settings),
    )


def trade_frame(found: Costs, trade: TradeCost, settings: Settings, read_at: datetime) -> Frame:
    """The frame of one trade. `settings` are the database's."""
    return Frame(
        title=f"mlrisk {settings.account}, costs of {trade.request_id}",
        account=settings.account,
        period=f"trade of {utc(trade.decided_at)}",
        source=_source(found),
        read_at=read_at,
        newest=newest_fact((trade,)),
        watermark=watermark(settings),
    )


def _source(found: Costs) -> str:
    return f"{_ROWS}; {'minute bars of the exchange' if found.bars else 'no market bars'}"
