"""The guarded pybit session: nothing twice, nothing elsewhere, nothing across a fork."""

import os
from datetime import UTC, datetime
from decimal import Decimal
from urllib.parse import parse_qs, urlsplit

import pytest

from bot.clock import FixedClock
from bot.errors import Refused
from bot.exchange.bybit.config import BybitMode
from bot.exchange.bybit.http import BybitExchange
from bot.exchange.bybit.session import NO_KEY, open_session
from tests.unit.bot.exchange.bybit.bybit_samples import order_row
from tests.unit.bot.exchange.bybit.bybit_transport import Transport, config, envelope, exchange

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
D = Decimal


def test_a_cursor_that_repeats_ends_the_list() -> None:
    page = {"list": [order_row()], "nextPageCursor": "same"}
    transport = Transport(lambda _: envelope(page))
    assert len(exchange(transport, FixedClock(NOW)).open_orders()) == 2
    assert len(transport.sent) == 2


def test_use_after_a_fork_is_refused_in_the_child() -> None:
    made = exchange(Transport([envelope({"timeNano": "1700000000000000000"})]), FixedClock(NOW))
    child = os.fork()
    if child == 0:
        # Only the exit status leaves the child; pytest's own machinery must not run there.
        try:
            made.server_time()
        except Refused as error:
            os._exit(7 if error.code == "forked_session" else 1)
        except BaseException:  # noqa: BLE001 - any other end is the failure that is reported
            os._exit(2)
        os._exit(3)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 7
    made.server_time()


def test_the_session_is_built_so_that_nothing_is_sent_twice_or_elsewhere() -> None:
    session = open_session(config())
    assert session.retry_codes == {-999}
    assert session.force_retry is False
    assert session.client.max_redirects == 0
    assert session.client.trust_env is False
    assert session.timeout == (3.0, 8.0)
    assert session.endpoint == "http://127.0.0.1:1"


@pytest.mark.parametrize(
    ("mode", "host"),
    [
        (BybitMode.LIVE, "https://api.bybit.com"),
        (BybitMode.TESTNET, "https://api-testnet.bybit.com"),
        (BybitMode.DEMO, "https://api-demo.bybit.com"),
    ],
)
def test_each_mode_has_its_host(mode: BybitMode, host: str) -> None:
    assert open_session(config(mode=mode, endpoint=None)).endpoint == host


def test_sessions_do_not_pile_up_log_handlers() -> None:
    import logging

    logger = logging.getLogger("pybit._http_manager")
    before = list(logger.handlers)
    for _ in range(3):
        BybitExchange(config(), FixedClock(NOW)).close()
    assert logger.handlers == before


def test_a_get_is_signed_over_exactly_what_is_sent() -> None:
    transport = Transport([envelope({"list": []})])
    exchange(transport, FixedClock(NOW)).open_orders()
    request = transport.sent[0]
    assert parse_qs(urlsplit(request.url or "").query)["openOnly"] == ["0"]
    assert request.headers["X-BAPI-SIGN-TYPE"] == "2"
    assert request.headers["X-BAPI-RECV-WINDOW"] == "5000"


def test_without_a_key_what_is_public_is_read_and_nothing_else_is_sent() -> None:
    ticker = {"symbol": "BTCUSDT", "markPrice": "50000.10"}
    young = {"symbol": "NEWUSDT", "markPrice": ""}
    transport = Transport([envelope({"list": [ticker, young, {"markPrice": "1"}]})])
    made = exchange(transport, FixedClock(NOW), api_key=None, api_secret=None)
    assert made.marks() == {"BTCUSDT": D("50000.10")}
    (sent,) = transport.sent
    assert not [name for name in sent.headers if name.lower().startswith("x-bapi-sign")]
    for private in (made.account_uid, made.positions, made.wallet, made.open_orders):
        with pytest.raises(Refused) as refused:
            private()
        assert refused.value.code == NO_KEY
    with pytest.raises(Refused, match="takes a key"):
        made.cancel("BTCUSDT", "mr-1")
    assert transport.sent == [sent]
