"""Turns a failed call to Bybit into an error of bot.errors.

The errors made here carry the exchange's text and trace id, and nothing of the request: pybit's
own exceptions hold the body, can't be unpickled, and requests' hold the signed headers.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime

import requests
import urllib3
from pybit.exceptions import FailedRequestError, InvalidRequestError

from bot.errors import (
    Banned,
    ClockRefused,
    DependencyDown,
    ExchangeRefused,
    MlriskError,
    OutcomeUnknown,
    Throttled,
)
from bot.exchange.bybit import reasons
from bot.exchange.bybit.retcodes import HTTP_BAN, RetCodeClass, classify, classify_http

# After HTTP 403 all calls of this IP must stop for at least ten minutes (`docs/bybit.md`).
IP_BAN_SECONDS = 600.0
OF_THE_ADDRESS = frozenset({HTTP_BAN, "ret_10018"})
"""Codes of rate limits that count every call of this machine."""
CLOSED = "closed"
"""The code of a call that wasn't made, because the exchange has closed the endpoint."""
_OVERLOAD = frozenset({"http_429", "ret_429", "ret_10429"})
"""Codes of an overloaded exchange: a write may or may not have been taken."""
# pybit assumes the same when the reset header is missing.
DEFAULT_THROTTLE_SECONDS = 2.0
# A reset time outside these bounds is a broken header or another clock.
MIN_THROTTLE_SECONDS, MAX_THROTTLE_SECONDS = 0.1, 5.0
_MAX_TEXT = 300
_NOT_JSON = 409  # pybit's code for a reply that is not JSON
_CLOCK_TEXT = re.compile(r"server_timestamp\[([0-9]{10,15})\]")

# Everything that a call through pybit can end with. The built-in ones come from pybit's own
# handling of replies that are JSON but not an envelope.
CALL_FAILURES = (
    InvalidRequestError,
    FailedRequestError,
    requests.exceptions.RequestException,
    urllib3.exceptions.HTTPError,
    AttributeError,
    KeyError,
    TypeError,
    ValueError,
    OSError,
)


def from_failure(
    error: Exception, *, write: bool, now: datetime, redact: Callable[[str], str] = str
) -> MlriskError | None:
    """The error of ours for one of `CALL_FAILURES`; None when the wanted state already holds."""
    if isinstance(error, InvalidRequestError):
        headers = error.resp_headers or {}
        text = redact(str(error.message))[:_MAX_TEXT]
        return from_ret_code(error.status_code, text, headers, write=write, now=now)
    if isinstance(error, FailedRequestError):
        return _from_http(error, write=write)
    if never_sent(error):
        return DependencyDown(f"exchange not reached: {type(error).__name__}", code="not_sent")
    return _no_answer(f"no usable answer: {type(error).__name__}", "no_answer", write=write)


def from_ret_code(
    code: object, text: str, headers: Mapping[str, str], *, write: bool, now: datetime
) -> MlriskError | None:
    """The error for an envelope's retCode; None when the wanted state already holds."""
    if not isinstance(code, int) or isinstance(code, bool):
        return _no_answer("reply without a numeric retCode", "bad_reply", write=write)
    cls = classify(code, write=write, message=text)
    said = f"{text}{_trace(headers)}"
    if cls is RetCodeClass.OK_IDEM and write:
        return None
    if cls is RetCodeClass.THROTTLE:
        wait = throttle_seconds(headers, now)
        return Throttled(f"throttled with {code}: {said}", code=f"ret_{code}", after_seconds=wait)
    if cls is RetCodeClass.CLOCK:
        return ClockRefused(f"clock refused with {code}: {said}", code=f"ret_{code}")
    if cls is RetCodeClass.RECONCILE:
        return _no_answer(f"{code}: {said}", f"ret_{code}", write=write, ret_code=code)
    return ExchangeRefused(code, said, reason=reasons.of_refusal(code, cls))


def _from_http(error: FailedRequestError, *, write: bool) -> MlriskError:
    status = int(error.status_code)
    said = f"HTTP {status}{_trace(error.resp_headers or {})}"
    if status == _NOT_JSON and error.resp_headers is None:
        return _no_answer("reply is not JSON", "not_json", write=write)
    cls = classify_http(status, write=write)
    if cls is RetCodeClass.THROTTLE:
        return Banned(said, code=f"http_{status}", after_seconds=IP_BAN_SECONDS)
    if cls is RetCodeClass.RECONCILE:
        return _no_answer(said, f"http_{status}", write=write)
    return ExchangeRefused(status, said, reason=reasons.of_refusal(status, cls))


def too_fast_seconds(error: MlriskError) -> float | None:
    """The time for which the exchange wants no more such calls; None when it names none."""
    if isinstance(error, Throttled):
        return error.after_seconds
    return DEFAULT_THROTTLE_SECONDS if error.code in _OVERLOAD else None


def _no_answer(message: str, code: str, *, write: bool, ret_code: int | None = None) -> MlriskError:
    """A write may have happened; a read can simply be made again."""
    if write:
        return OutcomeUnknown(message, code=code, ret_code=ret_code)
    return DependencyDown(message, code=code)


def unusable_reply(message: str, *, write: bool) -> MlriskError:
    """A reply with retCode 0 that lacks a necessary field."""
    return _no_answer(f"unusable reply: {message}", "bad_reply", write=write)


def never_sent(error: Exception) -> bool:
    """Whether the request provably never left this machine."""
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return True
    if not isinstance(error, requests.exceptions.ConnectionError):
        return isinstance(
            error,  # refused by requests itself, before any connection
            (requests.exceptions.InvalidURL, requests.exceptions.MissingSchema),
        )
    if isinstance(error, requests.exceptions.ProxyError):
        return False
    return any(
        isinstance(cause, urllib3.exceptions.NewConnectionError)  # its subclass: name resolution
        for cause in _causes(error)
    )


def _causes(error: BaseException) -> Iterator[object]:
    for arg in error.args:
        yield arg
        yield getattr(arg, "reason", None)


def throttle_seconds(headers: Mapping[str, str], now: datetime) -> float:
    """Seconds until the limit resets, by the exchange's own clock if the reply has it."""
    reset = _milliseconds(headers.get("X-Bapi-Limit-Reset-Timestamp"))
    if reset is None:
        return DEFAULT_THROTTLE_SECONDS
    here = _milliseconds(headers.get("Timenow")) or int(now.timestamp() * 1000)
    return min(max((reset - here) / 1000, MIN_THROTTLE_SECONDS), MAX_THROTTLE_SECONDS)


def clock_behind_ms(text: str, sent: datetime, answered: datetime) -> int:
    """How far our clock is behind the exchange's, at least, by the text of retCode 10002.

    Negative when our clock is ahead. 0 when the exchange's time lies between our two times, or is
    absent.
    """
    match = _CLOCK_TEXT.search(text)
    if match is None:
        return 0
    theirs = int(match[1])
    if theirs > (after := int(answered.timestamp() * 1000)):
        return theirs - after
    return min(0, theirs - int(sent.timestamp() * 1000))


def _milliseconds(value: str | None) -> int | None:
    return int(value) if value is not None and re.fullmatch(r"[0-9]{10,15}", value) else None


def _trace(headers: Mapping[str, str]) -> str:
    """Bybit's support asks for the trace id, so every error shows it."""
    trace = headers.get("Traceid")
    return f" [trace {trace[:64]}]" if trace else ""
