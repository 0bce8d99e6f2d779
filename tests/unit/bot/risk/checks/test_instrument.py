"""The exchange's rules and the request's own terms are held at their limits."""

from typing import Any

import pytest

from models.enums import CheckStatus
from tests.unit.bot.risk import cases
from tests.unit.bot.risk.cases import NOW, D
from tests.unit.bot.risk.checks.asking import FAIL, PASS, SKIPPED, UNKNOWN, ago, asked, ruled

RULES = [
    ("instrument", {"qty_step": D("0")}, UNKNOWN),
    ("instrument", {"max_qty": D("Infinity")}, UNKNOWN),
    ("instrument", {"max_notional": D("NaN")}, UNKNOWN),
    ("instrument", {"min_notional": D("-1")}, UNKNOWN),
    ("instrument", {"min_notional": D("0"), "min_qty": D("0")}, PASS),
    ("instrument_status", {"status": "PreLaunch"}, FAIL),
    ("instrument_age", {"refreshed_at": ago(86_400)}, PASS),
    ("instrument_age", {"refreshed_at": ago(86_401)}, FAIL),
    ("instrument_age", {"refreshed_at": ago(-2)}, PASS),
    ("instrument_age", {"refreshed_at": ago(-2.1)}, UNKNOWN),
    ("instrument_age", {"refreshed_at": None}, UNKNOWN),
    ("max_qty", {"max_qty": D("0.1")}, PASS),
    ("max_qty", {"max_qty": D("0.0999")}, FAIL),
    ("max_notional", {"max_notional": D("3000")}, PASS),
    ("max_notional", {"max_notional": D("2999")}, FAIL),
    ("max_notional", {}, SKIPPED),
    ("min_qty", {"min_qty": D("0.1")}, PASS),
    ("min_qty", {"min_qty": D("0.101")}, FAIL),
    ("min_notional", {"min_notional": D("3000")}, PASS),
    ("min_notional", {"min_notional": D("3000.01")}, FAIL),
    ("leverage", {"max_leverage": D("0.03")}, PASS),
    ("leverage", {"max_leverage": D("0.0299")}, FAIL),
]


@pytest.mark.parametrize(("name", "changes", "status"), RULES, ids=str)
def test_the_exchanges_rules_are_held_at_their_limits(
    name: str, changes: dict[str, Any], status: CheckStatus
) -> None:
    assert asked(name, snapshot=ruled(**changes)).status is status


TERMS = [
    ("expiry", {"expires_at": None}, PASS),
    ("expiry", {"expires_at": ago(-0.001)}, PASS),
    ("expiry", {"expires_at": NOW}, FAIL),
    ("expiry", {"expires_at": ago(-5).replace(tzinfo=None)}, UNKNOWN),
    ("request_age", {"created_at": ago(300)}, PASS),
    ("request_age", {"created_at": ago(300.1)}, FAIL),
    ("request_age", {"created_at": ago(-2)}, PASS),
    ("request_age", {"created_at": ago(-2.1)}, UNKNOWN),
    ("time_to_expiry", {"expires_at": ago(-1)}, PASS),
    ("time_to_expiry", {"expires_at": ago(-0.9)}, FAIL),
    ("time_to_expiry", {"expires_at": ago(-9).replace(tzinfo=None)}, UNKNOWN),
    ("tick", {"limit_price": D("30000.1")}, PASS),
    ("tick", {"limit_price": D("30000.15")}, FAIL),
    ("tick", {"limit_price": D("-0.1")}, FAIL),
    ("tick", {"limit_price": D("Infinity")}, FAIL),
    ("limit_price", {"limit_price": D("30600")}, PASS),
    ("limit_price", {"limit_price": D("30600.1")}, FAIL),
    ("limit_price", {"limit_price": D("1")}, PASS),
    ("limit_price", {"limit_price": D("0")}, FAIL),
]


@pytest.mark.parametrize(("name", "changes", "status"), TERMS, ids=str)
def test_the_requests_own_terms_are_held_at_their_limits(
    name: str, changes: dict[str, Any], status: CheckStatus
) -> None:
    assert asked(name, cases.intent(**changes)).status is status
