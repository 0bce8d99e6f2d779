"""CSV of costs: headings fit their lines, numbers are plain digits, orders add up to the trade."""

import csv
import io
from decimal import Decimal

from bot.tca.analysis import analyse
from console.views.costs.cost_csv import cell, cost_csv, order_csv
from tests.unit.bot.execution.tca.trades import child, minutes, part, trade

D = Decimal


def rows(text: str) -> list[dict[str, str]]:
    heading, *lines = text.splitlines()
    assert all(line.count(",") == heading.count(",") for line in lines)
    return list(csv.DictReader(io.StringIO(text)))


def test_a_trade_is_one_line_of_plain_numbers() -> None:
    cost = analyse(trade(child(0, part("10", "101", "1"))), minutes("100", "101"))
    (row,) = rows(cost_csv([cost]))
    assert row["request_id"] == "r-1"
    assert (row["trading"], row["fees"], row["total"]) == ("10", "1", "11")
    assert row["vwap"] != "" and row["reversion_5m_bps"] == ""


def test_the_orders_of_a_trade_add_up_to_it() -> None:
    first = child(0, part("4", "99", "0.1", maker=True), qty="4")
    second = child(1, part("6", "102", "0.3"), sent=20, qty="6")
    cost = analyse(trade(first, second, child(2, sent=None)))
    found = rows(order_csv(cost))
    assert [row["filled"] for row in found] == ["4", "6", "0"]
    assert sum(D(row["total"]) for row in found) == cost.cost.total
    assert [row["maker_share"] for row in found] == ["1", "0", ""]
    assert found[2]["sent_at"] == found[2]["average_price"] == ""


def test_cells_have_no_exponent() -> None:
    assert [cell(v) for v in (D("1E-7"), D("1E+3"), 1e-07, None, "x")] == [
        "0.0000001",
        "1000",
        "0.0000001",
        "",
        "x",
    ]
