"""Faults are switched on and off over the control API."""

import pytest
from pybit.exceptions import InvalidRequestError

from tests.conformance.drivers import (
    SYMBOL,
    http,
)
from tests.conformance.paper_exchange.server.faults.asking import Api

pytestmark = pytest.mark.services


def test_a_fault_has_an_endpoint_a_probability_and_a_count(paper_exchange: Api) -> None:
    session = http(paper_exchange)
    paper_exchange.fault("code_10016", endpoint="order/*", p=0.5, n=3, seed=3)
    codes = []
    for _ in range(20):
        session.get_wallet_balance(accountType="UNIFIED")
        try:
            session.get_open_orders(category="linear", symbol=SYMBOL)
            codes.append(0)
        except InvalidRequestError as refusal:
            codes.append(refusal.status_code)
    assert codes.count(10016) == 3
    assert 0 in codes[: codes.index(10016) + 6]
    with pytest.raises(RuntimeError, match="unknown fault"):
        paper_exchange.fault("no_such_fault")
