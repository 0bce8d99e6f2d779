"""What survives a stop and a kill -9 with `--state-dir`."""

from decimal import Decimal
from typing import Any

import pytest
from pybit.exceptions import InvalidRequestError
from pybit.unified_trading import HTTP

from paper_exchange.testing import PaperExchangeProcess
from tests.conformance.drivers import SYMBOL, below, http, new_link_id
from tests.support.waiting import eventually

pytestmark = pytest.mark.services

LINEAR = {"category": "linear", "symbol": SYMBOL}


def truth(session: HTTP) -> dict[str, Any]:
    """Everything that a client can ask for and that time alone doesn't change."""
    wallet = session.get_wallet_balance(accountType="UNIFIED")["result"]["list"][0]
    positions = session.get_positions(**LINEAR)["result"]["list"]
    return {
        "open": session.get_open_orders(**LINEAR)["result"]["list"],
        "history": session.get_order_history(category="linear")["result"]["list"],
        "executions": session.get_executions(category="linear")["result"]["list"],
        "log": session.get_transaction_log()["result"]["list"],
        "balances": {c["coin"]: c["walletBalance"] for c in wallet["coin"]},
        "position": [(p["side"], p["size"], p["avgPrice"], p["leverage"]) for p in positions],
    }


@pytest.mark.parametrize("crash", [False, True], ids=["stopped", "killed"])
def test_nothing_that_was_acknowledged_is_lost(crash: bool, tmp_path: Any) -> None:
    arguments = ("--market", "synthetic", "--state-dir", str(tmp_path / "state"))
    exchange = PaperExchangeProcess(
        *arguments, "--order-rate", "0", "--read-rate", "0", "--ip-rate", "0", home=tmp_path
    )
    with exchange:
        session = http(exchange)
        price = below(session)
        resting = LINEAR | {"side": "Buy", "orderType": "Limit", "qty": "0.010", "price": price}
        links = [new_link_id() for _ in range(5)]
        for link_id in links:
            session.place_order(**resting, orderLinkId=link_id)
        session.place_order(**LINEAR, side="Buy", orderType="Market", qty="0.020")
        session.set_leverage(**LINEAR, buyLeverage="5", sellLeverage="5")
        session.cancel_order(**LINEAR, orderLinkId=links[0])
        session.amend_order(**LINEAR, orderLinkId=links[1], qty="0.030")
        eventually(lambda: len(session.get_open_orders(**LINEAR)["result"]["list"]) == 4)
        eventually(lambda: session.get_executions(category="linear")["result"]["list"])
        before = truth(session)
        if crash:
            exchange.kill()
        else:
            assert exchange.stop() == 0
        exchange.start()
        after = truth(session)
        assert after == before
        for link_id in links:
            with pytest.raises(InvalidRequestError) as refused:
                session.place_order(**resting, orderLinkId=link_id)
            assert refused.value.status_code == 110072
        session.cancel_all_orders(**LINEAR)
        eventually(lambda: not session.get_open_orders(**LINEAR)["result"]["list"])
        session.place_order(**LINEAR, side="Sell", orderType="Market", qty="0.020", reduceOnly=True)
        eventually(lambda: session.get_positions(**LINEAR)["result"]["list"][0]["side"] == "")
        ids = [row["execId"] for row in session.get_executions(category="linear")["result"]["list"]]
        assert len(set(ids)) == len(ids)
        journal = exchange.journal()
        assert [r["n"] for r in journal] == list(range(1, len(journal) + 1))
        filled = sum(Decimal(r["row"]["execQty"]) for r in journal if r["kind"] == "fill")
        assert filled == Decimal("0.040")


def test_an_accepted_order_whose_effect_was_to_come_takes_effect_after_a_crash(
    tmp_path: Any,
) -> None:
    arguments = ("--market", "synthetic", "--state-dir", str(tmp_path / "state"))
    with PaperExchangeProcess(*arguments, home=tmp_path) as exchange:
        session = http(exchange)
        resting = LINEAR | {"side": "Buy", "orderType": "Limit", "qty": "0.010"}
        link_id = new_link_id()
        session.place_order(**resting, price=below(session), orderLinkId=link_id)
        exchange.kill()
        exchange.start()
        rows = eventually(lambda: session.get_open_orders(**LINEAR)["result"]["list"])
        assert [row["orderLinkId"] for row in rows] == [link_id]
