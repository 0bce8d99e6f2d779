"""Parts of statements give rows that belong to no session."""

from datetime import UTC, datetime
from decimal import Decimal

from sqlalchemy import inspect

from models.repositories.trading.snapshot_parts import breaker_row, instrument_row

AT = datetime(2026, 11, 30, 12, tzinfo=UTC)


def test_trading_rules_are_read_in_the_order_of_their_part() -> None:
    numbers = [Decimal(n) for n in ("0.1", "0.001", "0.002", "100", "5", "50", "0.01", "0.02")]
    row = instrument_row(["BTCUSDT", "Trading"], numbers, AT)
    assert (row.symbol, row.status, row.refreshed_at) == ("BTCUSDT", "Trading", AT)
    assert (row.tick_size, row.qty_step, row.min_qty, row.max_qty) == tuple(numbers[:4])
    assert (row.min_notional, row.max_leverage) == tuple(numbers[4:6])
    assert (row.price_limit_x, row.price_limit_y) == tuple(numbers[6:])
    assert inspect(row).transient


def test_a_breaker_names_its_scope_and_its_cause() -> None:
    row = breaker_row(["strategy", "alpha", "churn", "in circles"])
    assert (row.scope_kind, row.scope_key) == ("strategy", "alpha")
    assert (row.kind, row.reason) == ("churn", "in circles")
