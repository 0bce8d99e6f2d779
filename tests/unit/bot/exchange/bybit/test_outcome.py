"""Every way a call can end, through the real pybit client over a scripted transport."""

import pickle
import socket
import traceback
from datetime import UTC, datetime
from http.client import IncompleteRead, RemoteDisconnected

import pytest
import requests
from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.exceptions import (
    MaxRetryError,
    NameResolutionError,
    NewConnectionError,
    ProtocolError,
)

from bot.clock import FixedClock
from bot.errors import (
    ClockRefused,
    DependencyDown,
    ExchangeRefused,
    MlriskError,
    OutcomeUnknown,
    Throttled,
)
from bot.exchange.bybit.outcome import clock_behind_ms, throttle_seconds
from bot.exchange.bybit.session import READ_ATTEMPTS
from tests.unit.bot.exchange.bybit.bybit_transport import (
    KEY,
    SECRET,
    Step,
    Transport,
    envelope,
    exchange,
    http,
)

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
BODY = {
    "category": "linear",
    "symbol": "BTCUSDT",
    "side": "Buy",
    "orderType": "Limit",
    "qty": "0.001",
    "price": "60000.1",
    "timeInForce": "IOC",
    "orderLinkId": "a-1",
    "positionIdx": 0,
    "reduceOnly": False,
}
ACK = {"orderId": "x", "orderLinkId": "a-1"}


def refused_connection() -> requests.ConnectionError:
    cause = NewConnectionError(HTTPConnection("h"), "refused")
    return requests.ConnectionError(MaxRetryError(HTTPConnectionPool("h"), "/", cause))


def unresolved_name() -> requests.ConnectionError:
    cause = NameResolutionError("h", HTTPConnection("h"), socket.gaierror(-2, "unknown"))
    return requests.ConnectionError(MaxRetryError(HTTPConnectionPool("h"), "/", cause))


def closed_by_peer() -> requests.ConnectionError:
    return requests.ConnectionError(ProtocolError("aborted", RemoteDisconnected("closed")))


def reset() -> requests.ConnectionError:
    return requests.ConnectionError(ProtocolError("aborted", ConnectionResetError(104, "reset")))


def place(step: Step) -> tuple[MlriskError, Transport]:
    transport = Transport([step])
    with pytest.raises(MlriskError) as caught:
        exchange(transport, FixedClock(NOW)).place(BODY)
    return caught.value, transport


NEVER_SENT = [
    requests.ConnectTimeout("late"),
    refused_connection(),
    unresolved_name(),
]
AMBIGUOUS: list[Step] = [
    requests.ReadTimeout("late"),
    closed_by_peer(),
    reset(),
    requests.exceptions.SSLError("handshake"),
    requests.exceptions.ProxyError(refused_connection().args[0]),
    requests.exceptions.ChunkedEncodingError(IncompleteRead(b"")),
    ConnectionResetError(104, "reset"),
    http(500, b"oops"),
    http(502, b"<html>bad gateway</html>"),
    http(503, b""),
    http(429, b"busy"),
    http(200, b"<html>maintenance</html>"),
    http(200, b'{"retCode":0,"retMsg":"OK","resu'),
    http(200, b""),
    http(200, b"null"),
    http(200, b"[]"),
    http(200, b'"OK"'),
    http(200, b"{}"),
    http(200, b'{"retCode":"0","retMsg":"OK","result":{}}'),
    http(200, b'{"retCode":10001,"result":{}}'),
    http(200, b'{"retCode":0,"retMsg":"OK","result":null}'),
    http(307, b"", {"Location": "http://elsewhere.invalid/v5/order/create"}),
    http(302, b"", {"Location": "/login"}),
    envelope({}),
    envelope({"orderId": "y", "orderLinkId": "another"}),
    *(envelope(code=code, msg="?") for code in (10000, 10016, 429, 10429, 10014, 110072, 170141)),
    *(envelope(code=code, msg="?") for code in (110001, 110079, 170007, 170146, 987654)),
]


@pytest.mark.parametrize("error", NEVER_SENT, ids=lambda e: type(e).__name__)
def test_a_request_that_never_left_may_be_made_again(error: Exception) -> None:
    raised, _ = place(error)
    assert type(raised) is DependencyDown


@pytest.mark.parametrize("step", range(len(AMBIGUOUS)))
def test_an_ambiguous_answer_to_a_write_is_an_unknown_outcome_after_one_request(step: int) -> None:
    raised, transport = place(AMBIGUOUS[step])
    assert type(raised) is OutcomeUnknown
    assert len(transport.sent) == 1


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (10001, "other"),
        (110017, "nothing_to_reduce"),
        (110094, "other"),
        (110007, "margin"),
        (110090, "margin"),
        (110074, "symbol"),
        (10003, "account"),
        (10005, "account"),
        (110028, "account"),
        (182100, "other"),
    ],
)
def test_a_definite_no_carries_code_text_reason_and_trace(code: int, reason: str) -> None:
    raised, _ = place(envelope(code=code, msg="because", headers={"Traceid": "abc123"}))
    assert isinstance(raised, ExchangeRefused)
    assert (raised.ret_code, raised.reason, raised.code) == (code, reason, f"ret_{code}")
    assert "because" in raised.ret_msg
    assert "abc123" in str(raised)


@pytest.mark.parametrize("status", [400, 401, 404])
def test_a_refusal_at_the_gateway_is_about_the_account(status: int) -> None:
    raised, _ = place(http(status, b""))
    assert isinstance(raised, ExchangeRefused)
    assert (raised.ret_code, raised.reason) == (status, "account")


def test_a_banned_ip_waits_ten_minutes() -> None:
    raised, _ = place(http(403, b"access too frequent"))
    assert isinstance(raised, Throttled)
    assert raised.after_seconds == 600.0


@pytest.mark.parametrize("code", [-1, 10002])
@pytest.mark.parametrize(("theirs", "behind_ms"), [(20, 20_000), (-1.5, -1500), (0, 0)])
def test_a_clock_refusal_is_told_and_may_be_retried_after_synchronising(
    code: int, theirs: float, behind_ms: int, caplog: pytest.LogCaptureFixture
) -> None:
    text = f"invalid request, req_timestamp[1],server_timestamp[{ms(theirs)}],recv_window[5000]"
    raised, _ = place(envelope(code=code, msg=text))
    assert isinstance(raised, ClockRefused)
    assert raised.code == f"ret_{code}"
    assert raised.behind_ms == behind_ms
    assert "the exchange refused a request for its time" in caplog.text


def test_the_network_and_a_refusal_without_times_prove_nothing_about_our_clock() -> None:
    text = "server_timestamp[1700000003500]"
    sent, answered = (datetime.fromtimestamp(s, UTC) for s in (1_700_000_003, 1_700_000_004))
    assert clock_behind_ms(text, sent, answered) == 0
    assert clock_behind_ms(text, sent, sent) == 500
    assert clock_behind_ms(text, answered, answered) == -500
    assert clock_behind_ms("please check your clock", sent, answered) == 0


def ms(seconds: float) -> str:
    return str(int((NOW.timestamp() + seconds) * 1000))


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"X-Bapi-Limit-Reset-Timestamp": ms(1.5)}, 1.5),
        ({"X-Bapi-Limit-Reset-Timestamp": ms(1.5), "Timenow": ms(1.0)}, 0.5),
        ({"X-Bapi-Limit-Reset-Timestamp": ms(-3)}, 0.1),
        ({"X-Bapi-Limit-Reset-Timestamp": ms(3600)}, 5.0),
        ({"X-Bapi-Limit-Reset-Timestamp": "soon"}, 2.0),
        ({"X-Bapi-Limit-Reset-Timestamp": "9" * 40}, 2.0),
        ({}, 2.0),
    ],
)
def test_a_rate_limit_waits_for_its_reset_within_bounds(
    headers: dict[str, str], expected: float
) -> None:
    raised, transport = place(envelope(code=10006, msg="Too many visits!", headers=headers))
    assert isinstance(raised, Throttled)
    assert raised.after_seconds == pytest.approx(expected, abs=0.002)
    assert len(transport.sent) == 1
    assert throttle_seconds(headers, NOW) == raised.after_seconds


def test_a_done_already_code_is_no_error_and_a_cancel_of_a_gone_order_neither() -> None:
    for code in (110043, 110001, 110008, 110010, 170139, 170142, 170143, 170190, 170213):
        transport = Transport([envelope(code=code, msg="x")])
        exchange(transport, FixedClock(NOW)).cancel("BTCUSDT", "a-1")
        assert len(transport.sent) == 1


def test_a_cancel_of_a_busy_order_is_an_unknown_outcome() -> None:
    with pytest.raises(OutcomeUnknown):
        exchange(Transport([envelope(code=110079)]), FixedClock(NOW)).cancel("BTCUSDT", "a-1")


def test_errors_survive_pickling_with_their_fields() -> None:
    raised, _ = place(envelope(code=110007, msg="ab not enough for new order"))
    copy = pickle.loads(pickle.dumps(raised))
    assert isinstance(copy, ExchangeRefused)
    assert (copy.ret_code, copy.reason, str(copy)) == (110007, "margin", str(raised))


@pytest.mark.parametrize(
    "step",
    [
        envelope(code=10004, msg=f"error sign! origin_string[1700{KEY}5000{SECRET}]"),
        http(500, b""),
        requests.ReadTimeout("late"),
    ],
    ids=["sign", "gateway", "timeout"],
)
def test_neither_key_nor_secret_nor_request_reaches_an_error(step: Step) -> None:
    raised, _ = place(step)
    shown = "".join(traceback.format_exception(raised)) + repr(raised.__dict__)
    assert raised.__context__ is None
    assert raised.__cause__ is None
    for secret in (KEY, SECRET, "60000.1", "X-BAPI-SIGN"):
        assert secret not in shown


def test_neither_key_nor_secret_reaches_a_representation() -> None:
    made = exchange(Transport([]), FixedClock(NOW))
    shown = repr(made) + repr(made._session) + repr(made._session.http) + repr(made._config)
    shown += str(made._config) + made._config.model_dump_json()
    assert SECRET not in shown
    assert KEY not in shown


def test_a_transient_failure_of_a_read_is_retried() -> None:
    transport = Transport([reset(), http(502, b""), envelope({"timeNano": "1700000000123456789"})])
    at = exchange(transport, FixedClock(NOW)).server_time()
    assert at == datetime(2023, 11, 14, 22, 13, 20, 123456, tzinfo=UTC)
    assert len(transport.sent) == 3


def test_a_read_that_stays_down_ends_as_dependency_down_after_bounded_attempts() -> None:
    transport = Transport(lambda _: envelope(code=10016, msg="Server error."))
    with pytest.raises(DependencyDown):
        exchange(transport, FixedClock(NOW)).server_time()
    assert len(transport.sent) == READ_ATTEMPTS


def test_a_long_throttle_of_a_read_is_left_to_the_caller() -> None:
    transport = Transport([http(403, b"")])
    with pytest.raises(Throttled):
        exchange(transport, FixedClock(NOW)).server_time()
    assert len(transport.sent) == 1
