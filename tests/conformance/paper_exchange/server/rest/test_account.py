"""Batches, leverage, modes, exits, ledgers, budgets, bans, RSA keys: the rest of the REST API."""

import contextlib
import os
import time
from collections.abc import Iterator
from decimal import Decimal
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from pybit.exceptions import FailedRequestError, InvalidRequestError
from pybit.unified_trading import HTTP

from paper_exchange.testing import PaperExchangeProcess
from tests.conformance.drivers import SYMBOL, Frames, below, http
from tests.support.waiting import eventually
from workers.embedded.privileges import UNPRIVILEGED_UID

pytestmark = pytest.mark.services

LINEAR = {"category": "linear", "symbol": SYMBOL}


def code_of(call: Any, **arguments: Any) -> int:
    with pytest.raises(InvalidRequestError) as refused:
        call(**arguments)
    return int(refused.value.status_code)


def test_leverage_and_position_mode_say_when_nothing_changes(session: HTTP) -> None:
    lever = {"buyLeverage": "7", "sellLeverage": "7"}
    session.set_leverage(category="linear", symbol="DOGEUSDT", **lever)
    assert code_of(session.set_leverage, category="linear", symbol="DOGEUSDT", **lever) == 110043
    session.switch_position_mode(category="linear", symbol="DOGEUSDT", mode=3)
    assert (
        code_of(session.switch_position_mode, category="linear", symbol="DOGEUSDT", mode=3)
        == 110025
    )
    rows = session.get_positions(category="linear", symbol="DOGEUSDT")["result"]["list"]
    assert [(r["positionIdx"], r["leverage"]) for r in rows] == [(1, "7"), (2, "7")]
    session.switch_position_mode(category="linear", symbol="DOGEUSDT", mode=0)


@pytest.fixture
def isolated(session: HTTP) -> Iterator[HTTP]:
    """A session of an account in isolated mode, which ends flat and in cross mode."""
    session.set_margin_mode(setMarginMode="ISOLATED_MARGIN")
    yield session
    session.cancel_all_orders(category="linear", settleCoin="USDT")
    with contextlib.suppress(InvalidRequestError):
        session.place_order(**LINEAR, side="Sell", orderType="Market", qty="0.010", reduceOnly=True)
    eventually(lambda: session.get_positions(**LINEAR)["result"]["list"][0]["size"] == "0.000")
    session.set_margin_mode(setMarginMode="REGULAR_MARGIN")


def test_an_isolated_position_has_a_margin_and_a_liquidation_price_of_its_own(
    isolated: HTTP,
) -> None:
    assert isolated.get_account_info()["result"]["marginMode"] == "ISOLATED_MARGIN"
    isolated.place_order(**LINEAR, side="Buy", orderType="Market", qty="0.010")

    def position() -> dict[str, Any]:
        return dict(isolated.get_positions(**LINEAR)["result"]["list"][0])

    held = eventually(lambda: (row := position())["size"] == "0.010" and row)
    leverage, entry = Decimal(held["leverage"]), Decimal(held["avgPrice"])
    # The account could carry a hundred times as much. Its money does not stand behind the position.
    assert entry * (1 - 1 / leverage) < Decimal(held["liqPrice"]) < entry
    added = isolated.add_or_reduce_margin(**LINEAR, margin="20")["result"]
    assert Decimal(added["liqPrice"]) < Decimal(held["liqPrice"])
    assert code_of(isolated.set_margin_mode, setMarginMode="REGULAR_MARGIN") == 3400045
    assert code_of(isolated.set_margin_mode, setMarginMode="PORTFOLIO_MARGIN") == 3400045


def test_a_coin_counts_as_margin_as_the_account_has_set(session: HTTP) -> None:
    def margin() -> Decimal:
        wallet = session.get_wallet_balance(accountType="UNIFIED")["result"]["list"][0]
        return Decimal(wallet["totalMarginBalance"])

    [coin] = session.get_collateral_info(currency="BTC")["result"]["list"]
    assert (coin["collateralRatio"], coin["collateralSwitch"]) == ("0.85", True)
    before = margin()
    session.set_collateral_coin(coin="BTC", collateralSwitch="OFF")
    assert margin() < before - 1000
    [coin] = session.get_collateral_info(currency="BTC")["result"]["list"]
    assert coin["collateralSwitch"] is False
    session.set_collateral_coin(coin="BTC", collateralSwitch="ON")
    assert code_of(session.set_collateral_coin, coin="USDT", collateralSwitch="OFF") == 10001


def test_a_position_takes_stops_and_its_close_is_accounted(session: HTTP) -> None:
    market = LINEAR | {"orderType": "Market", "qty": "0.010"}
    session.place_order(**market, side="Buy")
    row = eventually(
        lambda: (p := session.get_positions(**LINEAR)["result"]["list"][0])["side"] and p
    )
    mark = Decimal(row["markPrice"])
    stop = format((mark * Decimal("0.98")).quantize(Decimal("0.1")), "f")
    session.set_trading_stop(**LINEAR, tpslMode="Full", positionIdx=0, stopLoss=stop)
    eventually(
        lambda: (
            Decimal(session.get_positions(**LINEAR)["result"]["list"][0]["stopLoss"] or 0)
            == Decimal(stop)
        )
    )
    closing = session.place_order(**market, side="Sell", reduceOnly=True)["result"]["orderId"]

    def accounted() -> Any:
        rows = session.get_closed_pnl(**LINEAR)["result"]["list"]
        return next((row for row in rows if row["orderId"] == closing), None)

    assert eventually(accounted)["closedSize"] == "0.010"
    log = session.get_transaction_log(accountType="UNIFIED", limit=50)["result"]["list"]
    for entry in log:
        parts = Decimal(entry["cashFlow"]) + Decimal(entry["funding"] or 0) - Decimal(entry["fee"])
        assert Decimal(entry["change"]) == parts
    wallet = session.get_wallet_balance(accountType="UNIFIED", coin="USDT")["result"]["list"][0]
    assert Decimal(log[0]["cashBalance"]) == Decimal(wallet["coin"][0]["walletBalance"])


def test_the_price_band_moves_or_refuses_as_the_account_has_set(session: HTTP) -> None:
    limit = session.get_price_limit(**LINEAR)["result"]
    wild = format((Decimal(limit["sellLmt"]) * Decimal("0.5")).quantize(Decimal("0.1")), "f")
    sell = LINEAR | {"side": "Sell", "orderType": "Limit", "qty": "0.002", "price": wild}
    placed = session.place_order(**sell, timeInForce="PostOnly")["result"]["orderId"]
    record = eventually(
        lambda: session.get_open_orders(**LINEAR, orderId=placed)["result"]["list"]
    )[0]
    assert Decimal(record["price"]) > Decimal(wild)
    session.set_limit_price_action(category="linear", modifyEnable=False)
    assert session.get_user_setting_config()["result"]["lpaPerp"] is True
    assert code_of(session.place_order, **sell) in (110120, 110121)
    session.set_limit_price_action(category="linear", modifyEnable=True)


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PaperExchangeProcess]:
    """Documented limits on, an RSA key and a read-only key beside the secret."""
    home = tmp_path_factory.mktemp("limited")
    private = rsa.generate_private_key(65537, 2048)
    (home / "private.pem").write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    (home / "public.pem").write_bytes(
        private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
    keys = [
        {"key": "paper-key", "secret": "paper-secret"},
        {"key": "rsa-key", "rsa_public_key_file": "public.pem"},
        {"key": "reader", "secret": "reader-secret", "read_only": True},
    ]
    (home / "accounts.yaml").write_text(
        yaml.safe_dump([{"uid": "paper", "balances": {"USDT": "5000"}, "keys": keys}])
    )
    arguments = ("--market", "synthetic", "--control", "--accounts", str(home / "accounts.yaml"))
    with PaperExchangeProcess(
        *arguments, "--ip-rate", "120", "--ip-ban-seconds", "0.5", home=home
    ) as exchange:
        yield exchange


def test_an_rsa_key_signs_and_a_read_only_key_only_reads(limited: PaperExchangeProcess) -> None:
    pem = (limited.home / "private.pem").read_text()
    signer = http(limited, api_key="rsa-key", api_secret=pem, rsa_authentication=True)
    assert signer.get_wallet_balance(accountType="UNIFIED")["retCode"] == 0
    order = LINEAR | {"side": "Buy", "orderType": "Market", "qty": "0.001"}
    assert signer.place_order(**order)["retCode"] == 0
    reader = http(limited, api_key="reader", api_secret="reader-secret")
    assert reader.get_api_key_information()["result"]["readOnly"] == 1
    assert code_of(reader.place_order, **order) == 10005
    forger = http(limited, api_key="rsa-key", api_secret="paper-secret")
    assert code_of(forger.get_account_info) == 10004


def test_the_order_budget_is_ten_a_second_and_tells_when_it_resets(
    limited: PaperExchangeProcess,
) -> None:
    session = http(limited, return_response_headers=True)
    order = LINEAR | {"side": "Buy", "orderType": "Limit", "qty": "0.001", "price": below_(session)}

    def burst() -> list[int] | None:
        """What is left after each of ten orders; None where eleven took longer than a second."""
        time.sleep(1.05)
        began, left = time.monotonic(), []
        for _ in range(10):
            left.append(int(session.place_order(**order)[2]["X-Bapi-Limit-Status"]))
        asked = time.time() * 1000
        try:
            session.place_order(**order)
        except InvalidRequestError as error:
            refused = error
        else:
            assert time.monotonic() - began > 0.9, "the eleventh order within a second was taken"
            session.cancel_all_orders(**LINEAR)
            return None
        assert refused.status_code == 10006
        reset = int(refused.resp_headers["X-Bapi-Limit-Reset-Timestamp"])
        assert asked < reset <= time.time() * 1000 + 1000
        if left != list(range(9, -1, -1)):  # a second ended among the ten
            session.cancel_all_orders(**LINEAR)
            return None
        return left

    eventually(burst, "ten orders within a second, counted down")
    assert session.cancel_all_orders(**LINEAR)[0]["retCode"] == 0
    time.sleep(1.05)
    session.place_order(**order)


def below_(session: HTTP) -> str:
    book = session.get_orderbook(**LINEAR, limit=1)[0]["result"]
    return format((Decimal(book["b"][0][0]) * Decimal("0.995")).quantize(Decimal("0.1")), "f")


def test_a_batch_over_the_budget_is_placed_as_far_as_it_fits(
    limited: PaperExchangeProcess,
) -> None:
    session = http(limited)
    order = {"symbol": SYMBOL, "side": "Buy", "orderType": "Limit", "qty": "0.001"}
    members = [order | {"price": below(session)}] * 20
    placed = session.place_batch_order(category="linear", request=members)
    codes = [verdict["code"] for verdict in placed["retExtInfo"]["list"]]
    assert codes == [0] * 10 + [10006] * 10
    assert [bool(row["orderId"]) for row in placed["result"]["list"]] == [True] * 10 + [False] * 10
    session.cancel_all_orders(**LINEAR)


def test_too_many_requests_ban_the_address(limited: PaperExchangeProcess) -> None:
    session = http(limited)
    with pytest.raises(FailedRequestError) as banned:
        for _ in range(2000):  # 120 in five seconds are allowed
            session.get_server_time()
    assert banned.value.status_code == 403
    with pytest.raises(FailedRequestError):
        session.get_server_time()
    time.sleep(0.6)
    limited.control("POST", "actions/pardon")
    assert session.get_server_time()["retCode"] == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to ask as another user")
def test_another_users_flood_bans_nobody_else(limited: PaperExchangeProcess) -> None:
    """Seen: 700 requests of another user of the machine banned the system for ten minutes."""
    limited.control("POST", "actions/pardon")
    address = urlsplit(limited.url)
    os.seteuid(UNPRIVILEGED_UID)
    try:
        # A socket belongs to whoever made it.
        flood = HTTPConnection(str(address.hostname), address.port)
        flood.connect()
    finally:
        os.seteuid(0)
    answers = []
    for _ in range(130):
        flood.request("GET", "/v5/market/time")
        with flood.getresponse() as answer:
            answer.read()
            answers.append(answer.status)
    flood.close()
    assert answers[-1] == 403
    session = http(limited)
    assert session.get_server_time()["retCode"] == 0
    assert session.get_wallet_balance(accountType="UNIFIED")["retCode"] == 0


def test_a_protected_account_is_cancelled_when_its_socket_has_gone(
    paper_exchange: PaperExchangeProcess, session: HTTP, sockets: Any
) -> None:
    session.set_dcp(timeWindow=3, product="DERIVATIVES")
    infos = session.query_dcp_info()["result"]["dcpInfos"]
    assert infos == [{"product": "DERIVATIVES", "dcpStatus": "ON", "timeWindow": "3"}]
    frames = Frames()
    private = sockets.private(callback_function=frames, restart_on_error=False)
    private.subscribe("dcp.future", frames, "")
    frames.wait(lambda f: f.get("op") == "subscribe" and f["success"] is True)
    order = LINEAR | {"side": "Buy", "orderType": "Limit", "qty": "0.010", "price": below(session)}
    order_id = session.place_order(**order)["result"]["orderId"]
    private.exit()
    wanted = {"category": "linear", "orderId": order_id}

    def ended() -> Any:
        rows = session.get_order_history(**wanted)["result"]["list"]
        return rows and rows[0]["cancelType"]

    assert eventually(ended) == "CancelByDCP"
