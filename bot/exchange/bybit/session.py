"""One pybit HTTP session that can't retry a write, leak a secret or be shared across a fork."""

import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from pybit.unified_trading import HTTP
from pydantic import SecretStr
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    stop_after_attempt,
    stop_after_delay,
    wait_exponential,
    wait_random,
)

from bot.clock import Clock
from bot.errors import Banned, ClockRefused, DependencyDown, MlriskError, Refused, Throttled
from bot.exchange.bybit import parse
from bot.exchange.bybit.closures import Closed, Closures
from bot.exchange.bybit.config import BybitConfig, BybitMode
from bot.exchange.bybit.outcome import (
    CALL_FAILURES,
    CLOSED,
    OF_THE_ADDRESS,
    clock_behind_ms,
    from_failure,
    from_ret_code,
    too_fast_seconds,
    unusable_reply,
)
from bot.exchange.bybit.retcodes import HTTP_BAN

log = logging.getLogger(__name__)

# Reads change nothing, so they are repeated. A caller waits at most this long, in seconds.
READ_ATTEMPTS = 4
READ_SECONDS = 3.0
# A throttled read waits here for a short reset, and gives the longer ones to its caller.
_SHORT_THROTTLE_SECONDS = 1.0
PUBLIC = frozenset({"get_instruments_info", "get_kline", "get_server_time", "get_tickers"})
"""The methods that a process without a key may call."""
NO_KEY = "no_key"
# A cursor that never ends must not hold a worker for ever: 500 pages are 25,000 orders.
MAX_PAGES = 500

Reply = Mapping[str, Any]
Call = Callable[..., Any]


class _SafeHTTP(HTTP):
    """pybit's session with a safe repr; pybit's own prints the API secret."""

    signed_at_ms: int | None = None
    """The time stamp of signed requests, from which recv_window counts. None is the moment of
    signing, as in pybit."""
    window_ms: int | None = None
    """The recv_window of signed requests; None is the session's own."""

    def __repr__(self) -> str:
        return f"<pybit HTTP {self.endpoint}>"

    def _prepare_headers(
        self, payload: str, recv_window: int, content_type: str = "application/json"
    ) -> dict[str, str]:
        window = recv_window if self.window_ms is None else self.window_ms
        headers: dict[str, str] = super()._prepare_headers(payload, window, content_type)
        if self.signed_at_ms is not None:
            headers["X-BAPI-TIMESTAMP"] = str(self.signed_at_ms)
            headers["X-BAPI-SIGN"] = self._auth(
                payload=payload, recv_window=window, timestamp=self.signed_at_ms
            )
        return headers


def open_session(config: BybitConfig) -> _SafeHTTP:
    """A session with pybit's retries and redirects off."""
    logger = logging.getLogger("pybit._http_manager")
    handlers = list(logger.handlers)
    session = _SafeHTTP(
        testnet=config.mode is BybitMode.TESTNET,
        demo=config.mode is BybitMode.DEMO,
        api_key=_revealed(config.api_key),
        api_secret=_revealed(config.api_secret),
        timeout=(config.connect_timeout_seconds, config.read_timeout_seconds),
        recv_window=config.recv_window_ms,
        # An empty set would be replaced by pybit's default, which re-sends POSTs.
        retry_codes={-999},
        force_retry=False,
        log_requests=False,
    )
    # pybit adds one handler per session when the root logger has none: every line would double.
    logger.handlers[:] = handlers
    if logger.getEffectiveLevel() < logging.INFO:
        logger.setLevel(logging.INFO)  # at DEBUG it logs bodies whatever log_requests says
    if config.endpoint is not None:
        session.endpoint = config.endpoint.rstrip("/")
    if config.mode is BybitMode.PAPER:
        session.client.trust_env = False  # a proxy variable must not catch loopback traffic
    # A redirect would send the signed request, possibly a second time, to another host.
    session.client.max_redirects = 0
    return session


class GuardedSession:
    """Calls pybit methods by name; raises nothing but bot.errors.

    It belongs to the process that made it: a session shared across a fork delivers one worker's
    reply to another.
    """

    def __init__(self, config: BybitConfig, clock: Clock, closures: Closures | None = None) -> None:
        self._pid = os.getpid()
        self._closures = closures or Closures()
        self._clock = clock
        self._http = open_session(config)
        self._config = config

    def __repr__(self) -> str:
        return f"<GuardedSession {self._http.endpoint} of process {self._pid}>"

    @property
    def http(self) -> _SafeHTTP:
        """pybit's session.

        Raises Refused in another process than the one that made it.
        """
        if os.getpid() != self._pid:
            raise Refused(
                f"exchange session of process {self._pid} used in {os.getpid()}: "
                "create it in the child",
                code="forked_session",
            )
        return self._http

    def close(self) -> None:
        """Closes the connections of this session."""
        self._http.client.close()

    @contextmanager
    def signed_as_of(self, moment: datetime | None, *, window_ms: int) -> Iterator[None]:
        """Signs requests of the block as of this moment. The exchange refuses them once `window_ms`
        has passed, so that a process that was frozen before sending does no harm later."""
        self.http.signed_at_ms = None if moment is None else parse.to_milliseconds(moment)
        self.http.window_ms = window_ms
        try:
            yield
        finally:
            self.http.signed_at_ms = self.http.window_ms = None

    def write(self, method: str, **params: object) -> Reply:
        """One request that may change something; never repeated here."""
        return self._once(method, params, write=True)

    def read(self, method: str, **params: object) -> Reply:
        """One reply's `result`; transient failures are retried within READ_SECONDS."""
        retrying = Retrying(
            stop=stop_after_attempt(READ_ATTEMPTS) | stop_after_delay(READ_SECONDS),
            wait=_pause,
            retry=retry_if_exception(_is_transient),
            reraise=True,
        )
        return retrying(self._once, method, params, write=False)

    def pages(self, method: str, **params: object) -> Iterator[Reply]:
        """Rows of all pages of a list call. The cursor is opaque and passed on unchanged."""
        cursor = ""
        for _ in range(MAX_PAGES):
            page = dict(params, cursor=cursor) if cursor else params
            result = self.read(method, **page)
            rows = result.get("list")
            if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
                raise unusable_reply(f"{method} without a list", write=False)
            yield from rows
            following = result.get("nextPageCursor") or ""
            # Some endpoints give a cursor with the last page, or give the same one again.
            if not rows or not following or following == cursor:
                return
            cursor = following
        raise DependencyDown(f"{method}: more than {MAX_PAGES} pages", code="endless_pages")

    def _once(self, method: str, params: Mapping[str, object], *, write: bool) -> Reply:
        call: Call = getattr(self.http, method)
        closed = self._closures.of(method)
        if closed is not None:
            raise _closed_to_us(method, closed)
        if self._config.api_key is None and method not in PUBLIC:
            raise Refused(f"{method} takes a key, which this process does not have", code=NO_KEY)
        failure: MlriskError | None = None
        envelope: Any = None
        sent = self._clock.now()
        try:
            envelope = call(**params)
        except CALL_FAILURES as error:
            failure = from_failure(error, write=write, now=self._clock.now(), redact=self._redact)
            if failure is None:
                return {}
        if failure is not None:
            self._heed(method, failure)
            if isinstance(failure, ClockRefused):
                self._tell_clock(failure, method, sent)
            # Raised outside the handler, so that no context with headers or body travels along.
            raise failure
        return self._result(envelope, write=write)

    def _tell_clock(self, failure: ClockRefused, method: str, sent: datetime) -> None:
        failure.behind_ms = clock_behind_ms(failure.message, sent, self._clock.now())
        log.warning(
            "the exchange refused a request for its time: %s",
            failure.message,
            extra={
                "event": "exchange.clock_refused",
                "method": method,
                "behind_ms": failure.behind_ms,
            },
        )

    def _heed(self, method: str, failure: MlriskError) -> None:
        """Notes a closure after any call, so that every process waits."""
        seconds = too_fast_seconds(failure)
        if seconds is None:
            return
        if failure.code in OF_THE_ADDRESS:
            self._closures.ban(seconds)
        else:
            self._closures.close(method, seconds)

    def _redact(self, text: str) -> str:
        """The texts of 10003 and 10004 can quote the signed string, which holds the key."""
        for secret in (self._config.api_secret, self._config.api_key):
            if secret is not None and secret.get_secret_value():
                text = text.replace(secret.get_secret_value(), "***")
        return text

    def _result(self, envelope: Any, *, write: bool) -> Reply:
        # pybit takes a reply without retCode for a success.
        code = envelope.get("retCode") if isinstance(envelope, dict) else None
        if code != 0 or isinstance(code, bool):
            problem = from_ret_code(code, "", {}, write=write, now=self._clock.now())
            raise problem or unusable_reply("no retCode", write=write)
        result = envelope.get("result")
        if not isinstance(result, dict):
            raise unusable_reply("no result", write=write)
        return result


def _closed_to_us(method: str, closed: Closed) -> Throttled:
    """The refusal of a call that isn't made, because the exchange has closed what it asks for."""
    left = f"for {closed.seconds:.1f} s more"
    if closed.banned:
        return Banned(f"this address is banned {left}", code=HTTP_BAN, after_seconds=closed.seconds)
    return Throttled(f"{method} is closed to us {left}", code=CLOSED, after_seconds=closed.seconds)


def _revealed(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()


_backoff = wait_exponential(multiplier=0.15, max=1.0) + wait_random(0, 0.1)


def _pause(state: RetryCallState) -> float:
    """The pause before a read is repeated; never less than the exchange asks for."""
    error = None if state.outcome is None else state.outcome.exception()
    asked = error.after_seconds if isinstance(error, Throttled) else 0.0
    return max(asked, _backoff(state))


def _is_transient(error: BaseException) -> bool:
    if isinstance(error, Throttled):
        return error.after_seconds <= _SHORT_THROTTLE_SECONDS
    return isinstance(error, DependencyDown)
