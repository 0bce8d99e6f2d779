"""Who asks: tokens of the Authorization header, what they may do, and how often."""

import logging
import threading
from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from functools import partial
from typing import Annotated

from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from fastapi import Depends, Request
from sqlalchemy.exc import DBAPIError

from bot.authority import tokens
from bot.authority.tokens import Bearer, KnownToken, Tokens
from bot.clock import Clock
from console.api import problems
from console.api.problems import Problem
from console.api.rates import Rates
from console.web.bounded import within
from models.enums import TokenKind

log = logging.getLogger(__name__)


class Use(StrEnum):
    """What a call is for."""

    READ = "read"
    SUBMIT = "submit"
    HALT = "halt"


MOST_A_SECOND: Mapping[Use, int] = {Use.READ: 20, Use.SUBMIT: 10_000, Use.HALT: 20}
"""Calls of one token. Of submits it is more than the quotas of entries and exits together let
through in any delivered environment, so that no exit is refused here. More halts in a second than
these are a loop."""
FAILURES_A_MINUTE = 60
"""Calls without a good token, of everybody together, that cost a look into the database."""
FIND_SECONDS = 2.0
"""A halt waits no longer for the proof of a token that this process did not remember."""
CHALLENGE = {"www-authenticate": 'Bearer realm="mlrisk"'}
_EVERYBODY = "*"
_IN_ADDRESS = frozenset({"access_token", "token", "api_key", "apikey", "key", "authorization"})


class Bearers:
    """The good tokens of one system, as this process knows them."""

    def __init__(self, found: Tokens, clock: Clock) -> None:
        self._tokens = found
        self._clock = clock
        self._calls = {
            use: Rates(clock, most, timedelta(seconds=1)) for use, most in MOST_A_SECOND.items()
        }
        self._failures = Rates(clock, FAILURES_A_MINUTE, timedelta(minutes=1))
        self._known: Mapping[str, KnownToken] = {}
        self._seen: set[str] = set()
        self._lock = threading.Lock()

    def remember(self) -> None:
        """Reads the tokens that may halt, for a moment at which Postgres is away."""
        try:
            known = self._tokens.good_for_halts()
        except DBAPIError:
            return  # what was read before is kept
        with self._lock:
            self._known = known

    def of(self, header: str | None, use: Use = Use.READ) -> Bearer:
        """Who a header's token speaks for. Raises Problem.

        For a halt a token counts that could halt when the tokens were last read: a halt must not
        wait for a Postgres that hangs or is away.
        """
        if header is None:
            raise Problem(
                problems.NO_TOKEN, "send `Authorization: Bearer TOKEN`", headers=CHALLENGE
            )
        scheme, _, text = header.partition(" ")
        parsed = tokens.parse(text.strip()) if scheme.lower() == "bearer" else None
        if parsed is None:
            raise self._refused(None)
        bearer = self._found(*parsed, halts=use is Use.HALT)
        if bearer is None:
            raise self._refused(parsed[0])
        calls = self._calls.get(use)
        if calls is not None and not calls.take(bearer.token_id):
            raise Problem(
                problems.TOO_MANY,
                f"a token has {MOST_A_SECOND[use]} calls a second to {use}",
                headers={"retry-after": "1"},
            )
        return bearer

    def _found(self, token_id: str, secret: str, *, halts: bool) -> Bearer | None:
        with self._lock:
            known, seen = self._known, token_id in self._seen or token_id in self._known
        # A flood of wrong tokens reaches the database no more, and keeps out no token that was good
        # here before.
        if not seen and self._failures.is_full(_EVERYBODY):
            raise Problem(
                problems.TOO_MANY,
                "too many calls came without a good token: wait a minute",
                headers={"retry-after": "60"},
            )
        if halts:
            bearer = tokens.remembered(known, token_id, secret, self._clock.now())
            if bearer is not None:
                return bearer
            # The few threads of halts wait for no Postgres that hangs.
            return self._noted(self._found_in_time(token_id, secret))
        return self._noted(self._tokens.find(token_id, secret))

    def _found_in_time(self, token_id: str, secret: str) -> Bearer | None:
        """Raises Problem when Postgres hangs."""
        nobody: tuple[bool, Bearer | None] = (False, None)
        answered, found = within(
            FIND_SECONDS, lambda: (True, self._tokens.find(token_id, secret)), otherwise=nobody
        )
        if not answered:
            self._failures.take(_EVERYBODY)
            raise Problem(
                problems.UNAVAILABLE,
                "Postgres does not answer, and this process does not know the token",
            )
        return found

    def _noted(self, found: Bearer | None) -> Bearer | None:
        if found is not None:
            with self._lock:
                self._seen.add(found.token_id)
        return found

    def _refused(self, token_id: str | None) -> Problem:
        # A flood of them fills no log.
        if self._failures.take(_EVERYBODY):
            log.warning(
                "the REST interface refused a token",
                extra={"event": "api_token_refused", "token": token_id or "unreadable"},
            )
        return Problem(
            problems.BAD_TOKEN,
            "the token is unknown, wrong, expired or revoked (`mlrisk token list`)",
            headers={"www-authenticate": CHALLENGE["www-authenticate"] + ', error="invalid_token"'},
        )


def halt_threads(request: Request) -> CapacityLimiter:
    """The threads in which halts run."""
    found: CapacityLimiter = request.app.state.halt_threads
    return found


def bearers_of(request: Request) -> Bearers:
    """The process's bearers."""
    found: Bearers = request.app.state.bearers
    return found


async def require_plain_address(request: Request) -> None:
    """Raises Problem for any query, because no operation takes one and addresses are written
    down."""
    for name in request.query_params:
        if name.lower() in _IN_ADDRESS:
            raise Problem(
                problems.TOKEN_IN_ADDRESS,
                "an address ends up in logs: revoke the token, and send the next one in the "
                "Authorization header",
            )
    if request.url.query:
        raise Problem(problems.UNKNOWN_PARAMETER, "no operation here takes a query parameter")


def bearer_of(request: Request) -> Bearer:
    """Who asks. Raises Problem."""
    return bearers_of(request).of(request.headers.get("authorization"))


def strategy_of(request: Request) -> Bearer:
    """The strategy that submits. Raises Problem for an operator's token."""
    bearer = bearers_of(request).of(request.headers.get("authorization"), Use.SUBMIT)
    if bearer.holder.kind is not TokenKind.STRATEGY:
        raise Problem(problems.NOT_ALLOWED, "only a strategy's token submits requests")
    return bearer


def operator_of(request: Request) -> Bearer:
    """The operator who asks. Raises Problem for a strategy's token."""
    return _operator(bearer_of(request))


async def follower_of(request: Request) -> Bearer:
    """The operator who follows a halt, also while Postgres is away. Raises Problem."""
    find = partial(bearers_of(request).of, request.headers.get("authorization"), Use.HALT)
    return _operator(await run_sync(find, limiter=halt_threads(request)))


async def halter_of(request: Request) -> Bearer:
    """The operator who halts, also while Postgres is away. Raises Problem."""
    bearer = await follower_of(request)
    if not bearer.may_halt:
        raise Problem(problems.NOT_ALLOWED, "a viewer's token only looks")
    return bearer


def _operator(bearer: Bearer) -> Bearer:
    if bearer.holder.kind is not TokenKind.OPERATOR:
        raise Problem(problems.NOT_ALLOWED, "this takes an operator's token")
    return bearer


Caller = Annotated[Bearer, Depends(bearer_of)]
Strategy = Annotated[Bearer, Depends(strategy_of)]
OperatorsToken = Annotated[Bearer, Depends(operator_of)]
FollowersToken = Annotated[Bearer, Depends(follower_of)]
HaltersToken = Annotated[Bearer, Depends(halter_of)]
