"""`mlrisk tca` on a real database: tables, JSON, CSV, pictures, and what it says is missing."""

import csv
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import select

from bot.exchange.bybit.config import BybitConfig, BybitMode
from bot.exchange.bybit.http import BybitExchange
from console.cli import run
from console.errors import ExitCode
from models.database import Database
from models.tables import ConfigVersionRow
from paper_exchange.testing import PaperExchangeProcess
from tests.support.desk import Desk
from tests.support.documents.html import Page, is_self_contained
from tests.support.documents.pdf_text import read_pdf
from workers.supervision.ports import free_port

pytestmark = pytest.mark.services
Mlrisk = Callable[..., tuple[int, str, str]]
PNG = b"\x89PNG\r\n\x1a\n"
BEGINNING = "2026-11-23"
"""The desk's clock stands still on that day."""
TWAP_THAT_TURNS_PASSIVE = {
    "position_size": "3000",
    "algorithm": "twap",
    "horizon_seconds": 30,
    "interval_seconds": 5,
    "backup_plan": {"no_liquidity": ["other_algorithm", "stop_and_alert"]},
}


@pytest.fixture
def mlrisk(
    migrated_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Mlrisk:
    monkeypatch.setenv("MLRISK_HOME", str(tmp_path))
    monkeypatch.setenv("MLRISK_DATABASE_URL", migrated_url)
    monkeypatch.setenv("MLRISK_EXCHANGE_URL", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("NO_COLOR", "1")

    def call(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        status = run(["tca", *arguments])
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return call


@pytest.fixture
def traded(db: Database) -> Desk:
    """A buy and a sell at once, and a TWAP whose orders fill by half."""
    desk = Desk(db)
    desk.approve("r-1")
    desk.approve("r-2", side="sell")
    desk.send_due()
    desk.exchange.fill_share = Decimal("0.5")
    desk.approve("r-3", signal_data=TWAP_THAT_TURNS_PASSIVE)
    for _ in range(8):
        desk.send_due()
        desk.stream()
        desk.pass_time(5)
        if desk.parent("r-3").stepped:
            desk.step("r-3")
    return desk


def parts_add_up(cost: dict[str, Any]) -> bool:
    parts = (Decimal(cost[name]) for name in ("delay", "trading", "opportunity", "fees"))
    return sum(parts, Decimal(0)) == Decimal(cost["total"])


@pytest.mark.usefixtures("traded")
def test_one_trade_is_explained_part_by_part(mlrisk: Mlrisk) -> None:
    status, text, problems = mlrisk("r-3", "--no-market")
    assert (status, problems) == (ExitCode.OK, "")
    for word in ("delay", "trading", "opportunity", "fees", "total", "mid at the decision"):
        assert word in text
    status, text, _ = mlrisk("r-3", "--no-market", "--json")
    assert status == ExitCode.OK
    (trade,) = json.loads(text)["trades"]
    assert trade["request_id"] == "r-3"
    assert parts_add_up(trade["cost"])
    assert all(parts_add_up(child["cost"]) for child in trade["children"])
    assert Decimal(trade["fill_rate"]) < 1


@pytest.mark.usefixtures("traded")
def test_many_trades_are_summed_up_by_algorithm(mlrisk: Mlrisk) -> None:
    status, text, _ = mlrisk("--since", BEGINNING, "--no-market")
    assert status == ExitCode.OK
    assert "immediate" in text and "twap" in text
    assert "3 usable trades are too few to fit the impact: 30 are needed" in text
    _, text, _ = mlrisk("--since", BEGINNING, "--no-market", "--json")
    facts = json.loads(text)
    assert [one["algorithm"] for one in facts["by_algorithm"]] == ["immediate", "twap"]
    assert [one["trades"] for one in facts["by_algorithm"]] == [2, 1]
    assert all(parts_add_up(trade["cost"]) for trade in facts["trades"])
    assert "E" not in "".join(str(v) for v in facts["trades"][0]["cost"].values())


@pytest.mark.usefixtures("traded")
def test_csv_has_one_line_per_trade_and_the_picture_is_a_png(
    mlrisk: Mlrisk, tmp_path: Path
) -> None:
    table, picture = tmp_path / "costs.csv", tmp_path / "costs.png"
    status, _, _ = mlrisk(
        "--since", BEGINNING, "--no-market", "--csv", str(table), "--plot", str(picture)
    )
    assert status == ExitCode.OK
    with table.open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert [row["request_id"] for row in rows] == ["r-1", "r-2", "r-3"]
    assert all(parts_add_up(row) for row in rows)
    assert picture.read_bytes().startswith(PNG)


@pytest.mark.usefixtures("traded")
def test_one_trade_has_a_line_per_order_and_a_picture_without_the_market_too(
    mlrisk: Mlrisk, tmp_path: Path
) -> None:
    table, picture = tmp_path / "orders.csv", tmp_path / "trade.png"
    status, text, _ = mlrisk("r-3", "--no-market", "--csv", str(table), "--plot", str(picture))
    assert status == ExitCode.OK and "opportunity" in text
    with table.open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert len(rows) > 1
    # The first slice finds half of what it wants, so that the rest goes on as a passive trade.
    assert {row["style"] for row in rows} == {"ioc", "post_only"}
    assert picture.read_bytes().startswith(PNG)


@pytest.mark.usefixtures("traded")
def test_page_and_pdf_have_the_costs_with_plots_and_tables(mlrisk: Mlrisk, tmp_path: Path) -> None:
    page, pdf = tmp_path / "costs.html", tmp_path / "costs.pdf"
    files = ("--html", str(page), "--pdf", str(pdf))
    status, plain, _ = mlrisk("--since", BEGINNING, "--no-market", "--json")
    status, text, problems = mlrisk("--since", BEGINNING, "--no-market", *files, "--json")
    assert (status, problems, text) == (ExitCode.OK, "", plain)
    found = Page(page.read_text(encoding="utf-8"))
    assert is_self_contained(found)
    assert found.elements.count("svg") == 4
    drawn = read_pdf(pdf.read_bytes())
    for told in ("immediate", "twap", "r-3", "PAPER: no real money", "since 2026-11-23T00:00"):
        assert told in found.text and told in drawn.text
    total = json.loads(plain)["by_algorithm"][0]["total_bps"]["value"]
    assert f"{total:.2f} [" in found.text and f"{total:.2f} [" in drawn.text
    status, _, _ = mlrisk("r-3", "--no-market", *files)
    assert status == ExitCode.OK
    one = Page(page.read_text(encoding="utf-8"))
    assert "Orders of r-3" in one.text and "costs of r-3" in one.text
    assert "% of the quantity is filled" in "".join(one.values("aria-label"))
    assert "Orders of r-3" in read_pdf(pdf.read_bytes()).text


@pytest.mark.usefixtures("traded")
def test_the_daily_re_fit_can_be_looked_at_and_changes_nothing(
    mlrisk: Mlrisk, db: Database
) -> None:
    status, _, problems = mlrisk("--fit-impact")
    assert status == ExitCode.FAILED
    assert "too few to fit the impact: 30 are needed" in problems
    with db.reading() as session:
        assert session.scalars(select(ConfigVersionRow)).all() == []


@pytest.mark.usefixtures("traded")
def test_an_exchange_that_is_away_costs_the_benchmarks_only(mlrisk: Mlrisk) -> None:
    status, text, problems = mlrisk("r-1", "--json")
    assert status == ExitCode.OK
    assert "no market benchmarks of BTCUSDT" in problems
    facts = json.loads(text)
    assert facts["trades"][0]["market"]["vwap"] is None
    assert len(facts["problems"]) == 1


def test_nothing_to_analyse_is_no_error_and_an_unknown_request_is(
    mlrisk: Mlrisk, tmp_path: Path
) -> None:
    picture = tmp_path / "none.png"
    status, _, _ = mlrisk("--since", "1h", "--no-market", "--plot", str(picture))
    assert status == ExitCode.OK
    assert picture.read_bytes().startswith(PNG)
    status, _, problems = mlrisk("r-9", "--no-market")
    assert status == ExitCode.FAILED
    assert "'r-9' has no trade" in problems


@pytest.mark.parametrize("name", ["costs.svg", "costs"])
def test_other_pictures_than_png_are_refused_by_name(mlrisk: Mlrisk, name: str) -> None:
    status, _, problems = mlrisk("--plot", name)
    assert status == ExitCode.USAGE
    assert "name it .png" in problems


def test_of_two_files_the_one_that_cant_be_written_is_named(mlrisk: Mlrisk, tmp_path: Path) -> None:
    plot = tmp_path / "no directory" / "costs.png"
    status, _, problems = mlrisk("--csv", str(tmp_path / "costs.csv"), "--plot", str(plot))
    assert status == ExitCode.USAGE
    assert f"{plot} can't be written" in problems


def test_the_paper_exchange_gives_finished_minutes_without_a_gap() -> None:
    with PaperExchangeProcess("--market", "synthetic", "--seed", "5") as server:
        venue = BybitExchange(
            BybitConfig(
                api_key=SecretStr(server.api_key),
                api_secret=SecretStr(server.api_secret),
                mode=BybitMode.PAPER,
                endpoint=server.url,
            )
        )
        try:
            now = datetime.now(UTC)
            bars = venue.minute_bars("BTCUSDT", now - timedelta(hours=20), now)
        finally:
            venue.close()
    starts = [bar.start for bar in bars]
    assert 1199 <= len(bars) <= 1201
    assert starts == [starts[0] + timedelta(minutes=i) for i in range(len(bars))]
    assert all(bar.low <= min(bar.open, bar.close) for bar in bars)
    assert all(bar.high >= max(bar.open, bar.close) for bar in bars)
