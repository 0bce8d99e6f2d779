"""A market is judged at its limits: age, spread, depth, impact."""

from typing import Any

import pytest

from models.enums import CheckStatus
from tests.unit.bot.risk import cases
from tests.unit.bot.risk.cases import D
from tests.unit.bot.risk.checks.asking import FAIL, PASS, UNKNOWN, ago, asked, trading, twap

MARKETS = [
    ("reference_price", {"ask": None}, UNKNOWN),
    ("reference_price", {"ask": D("29999.9")}, UNKNOWN),
    ("reference_price", {"bid": D("30000.1")}, UNKNOWN),
    ("reference_price", {"bid": None}, UNKNOWN),
    ("reference_price", {}, PASS),
    ("data_age", {"as_of": ago(5)}, PASS),
    ("data_age", {"as_of": ago(5.1)}, FAIL),
    ("data_age", {"as_of": ago(-2)}, PASS),
    ("data_age", {"as_of": ago(-2.1)}, UNKNOWN),
    ("volatility_regime", {"volatility": 0.0899}, PASS),
    ("volatility_regime", {"volatility": 0.09}, FAIL),
    ("volatility_regime", {"volatility": 0.0}, UNKNOWN),
    ("volatility_regime", {"volatility_baseline": 0.0}, UNKNOWN),
    ("volatility_regime", {"volatility_baseline": None}, UNKNOWN),
    ("spread", {"bid": D("29970"), "ask": D("30030")}, PASS),
    ("spread", {"bid": D("29969.9"), "ask": D("30030")}, FAIL),
    ("depth", {"ask_depth": D("6000")}, PASS),
    ("depth", {"ask_depth": D("5999")}, FAIL),
    ("depth", {"ask_depth": None}, UNKNOWN),
    ("mark_deviation", {"bid": D("30599"), "ask": D("30601"), "mark": D("30000")}, PASS),
    ("mark_deviation", {"bid": D("30600"), "ask": D("30601"), "mark": D("30000")}, FAIL),
    ("mark_deviation", {"bid": D("29399"), "ask": D("29400"), "mark": D("30000")}, FAIL),
    ("index_deviation", {"bid": D("30599"), "ask": D("30601"), "index": D("30000")}, PASS),
    ("index_deviation", {"bid": D("30600"), "ask": D("30601"), "index": D("30000")}, FAIL),
    ("index_deviation", {"index": D("0")}, UNKNOWN),
    ("funding", {"funding_rate": 0.001}, PASS),
    ("funding", {"funding_rate": 0.0011}, FAIL),
    ("funding", {"funding_rate": -0.5}, PASS),
    ("funding", {"funding_rate": None}, UNKNOWN),
    ("adv_share", {"volume_24h": D("60000")}, PASS),
    ("adv_share", {"volume_24h": D("59999")}, FAIL),
    ("adv_share", {"volume_24h": D("0")}, UNKNOWN),
    ("impact", {"asks": ()}, UNKNOWN),
    ("impact", {"volume_24h": None}, UNKNOWN),
    ("impact", {"volatility": None}, UNKNOWN),
    ("slippage", {"bid": None}, UNKNOWN),
]


@pytest.mark.parametrize(("name", "changes", "status"), MARKETS, ids=str)
def test_a_market_is_judged_at_its_limits(
    name: str, changes: dict[str, Any], status: CheckStatus
) -> None:
    assert asked(name, snapshot=trading(**changes)).status is status


def test_the_walk_reaches_the_level_that_holds_the_last_unit() -> None:
    asks = ((D("30000"), D("0.05")), (D("30030"), D("0.05")), (D("30060"), D("5")))
    calm = {"volatility": 1e-9, "volatility_baseline": 1e-9}
    at_once = asked("impact", snapshot=trading(asks=asks, **calm))
    assert at_once.value == "10"
    larger = cases.intent(notional=D("6000"))
    assert asked("impact", larger, trading(asks=asks, **calm)).value == "20"
    short_book = trading(asks=asks[:2], **calm)
    result = asked("impact", larger, short_book)
    assert result.status is FAIL
    assert result.cap == D("3001.5")
    steep = trading(asks=(asks[0], (D("30061"), D("5"))), **calm)
    assert asked("impact", snapshot=steep).cap == D("1500")
    exactly = trading(asks=((D("30000"), D("0.1")),), **calm)
    assert asked("impact", snapshot=exactly).status is PASS
    thin = trading(asks=((D("30000"), D("0.005")),), **calm)
    assert asked("impact", twap(100.0, 10.0), thin).cap == D("1500")
    unreadable = trading(asks=((D("30000"), D("Infinity")),), **calm)
    assert asked("impact", snapshot=unreadable).cap == 0


def test_the_law_of_impact_caps_at_its_inversion_and_slippage_adds_half_the_spread() -> None:
    # Y sigma sqrt(Q/V) = 0.04 * sqrt(3000/1.2e6) = 20 bps exactly.
    at_limit = trading(volume_24h=D("1200000"), volatility=0.04, volatility_baseline=0.04)
    assert float(asked("impact", snapshot=at_limit).value or 0) == pytest.approx(20)
    beyond = trading(volume_24h=D("1000000"), volatility=0.04, volatility_baseline=0.04)
    result = asked("impact", snapshot=beyond)
    assert result.status is FAIL
    assert result.cap in (D("2499"), D("2500"))
    wide = trading(
        bid=D("29970"),
        ask=D("30030"),
        asks=((D("30030"), D("5")),),
        volume_24h=D("1200000"),
        volatility=0.04,
        volatility_baseline=0.04,
    )
    assert float(asked("slippage", snapshot=wide).value or 0) == pytest.approx(30)
    tight = cases.limits(max_slippage_bps=25.0)
    # 25 - 10 = 15 bps are left for the impact: V (15/400)^2 x 1e... = 1687.5.
    assert asked("slippage", snapshot=wide, limits=tight).cap in (D("1687"), D("1688"))
    nothing_left = cases.limits(max_slippage_bps=5.0)
    assert asked("slippage", snapshot=wide, limits=nothing_left).cap == 0
