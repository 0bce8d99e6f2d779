"""Requests are read strictly: whatever comes in, the answer is an order or a refusal."""

from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from paper_exchange.engine.markets.instrument import Market
from paper_exchange.engine.orders.filters import NewOrder, read_new_order
from paper_exchange.types import InstrumentSpec, Reject
from tests.support.properties import examples

D = Decimal
NAMES = [
    "side", "orderType", "qty", "price", "timeInForce", "orderLinkId", "positionIdx",
    "reduceOnly", "closeOnTrigger", "triggerPrice", "triggerDirection", "triggerBy",
    "takeProfit", "stopLoss", "tpslMode", "tpLimitPrice", "tpOrderType", "smpType",
    "slippageToleranceType", "slippageTolerance", "marketUnit", "orderFilter", "isLeverage",
]  # fmt: skip
NUMBERS = st.sampled_from(
    ["1", "0", "-1", "1e3", "NaN", "Infinity", " 1", "1.", ".5", "0.0001", "100.05", "9" * 25, ""]
)
WORDS = st.sampled_from(
    ["Buy", "Sell", "Market", "Limit", "GTC", "Full", "Percent", "quoteCoin", "LastPrice", "ü"]
)
VALUES = NUMBERS | WORDS | st.text(max_size=4) | st.integers() | st.floats() | st.booleans()
VALUES |= st.none() | st.lists(st.integers(), max_size=1)
GOOD = {"side": "Buy", "orderType": "Limit", "qty": "1", "price": "100"}


def market(category: Any) -> Market:
    return Market(
        InstrumentSpec(
            category, "XUSDT", "X", "USDT", D("0.1"), D("0.01"), D("0.01"), D(99), D(9), D(5)
        )
    )


@settings(max_examples=examples(300))
@given(
    category=st.sampled_from(["linear", "spot"]),
    changes=st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=6),
)
def test_any_parameters_give_an_order_on_the_grid_or_a_refusal(
    category: str, changes: dict[str, Any]
) -> None:
    try:
        new = read_new_order({**GOOD, **changes}, market(category))
    except Reject as refused:
        assert refused.ret_code > 0
        return
    assert isinstance(new, NewOrder)
    assert new.qty >= 0
    assert new.is_market or new.price > 0
    assert len(new.link_id) <= 36
