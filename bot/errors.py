"""Every error of mlrisk, in one tree.

MlriskError
├── Refused              final: the same call will be refused again
│   ├── BadMessage           a message broke the schema; names its fields
│   │   ├── RequestIdTaken       its request_id is another content's; names what differs
│   │   ├── QuotaExceeded        its strategy asks for too much at once; it may come again
│   │   └── NotAuthentic         nothing proves that its strategy sent it
│   ├── ExchangeRefused      the exchange said a definite no
│   ├── NotAuthorised        an operator act without the needed authority
│   └── Infeasible           no valid schedule exists for the parameters
├── RetryLater           nothing happened; safe to try again
│   ├── Throttled            a rate limit, ours or the exchange's
│   │   └── Banned               the exchange takes no call of this address
│   ├── ClockRefused         the exchange refused the time that a request was signed with
│   └── DependencyDown       Postgres, Redis or the exchange can't be reached
│       └── UnreadableReply      the exchange answered, and a field that decides is missing or wrong
└── OutcomeUnknown       something may have happened: ask the exchange before anything else
"""

from dataclasses import dataclass

from config.errors import MlriskError as MlriskError
from config.errors import Refused as Refused
from models.enums import VenueReason


class RetryLater(MlriskError):
    """Nothing happened; the same call may be made again after `after_seconds`."""

    def __init__(
        self, message: str, *, code: str | None = None, after_seconds: float = 1.0
    ) -> None:
        super().__init__(message, code=code)
        self.after_seconds = after_seconds


class OutcomeUnknown(MlriskError):
    """Something may have happened: ask the exchange before doing anything else.

    `ret_code` is the venue's own number, where it answered with one.
    """

    def __init__(
        self, message: str, *, code: str | None = None, ret_code: int | None = None
    ) -> None:
        super().__init__(message, code=code)
        self.ret_code = ret_code


@dataclass(frozen=True, slots=True)
class FieldError:
    """One broken field of a message, by its dotted path."""

    field: str
    message: str


class BadMessage(Refused):
    """The message breaks the published schema."""

    def __init__(self, errors: tuple[FieldError, ...], *, code: str = "bad_message") -> None:
        super().__init__("; ".join(f"{e.field}: {e.message}" for e in errors), code=code)
        self.errors = errors


class RequestIdTaken(BadMessage):
    """The request_id was used before for another content; the first answer stands."""

    def __init__(self, errors: tuple[FieldError, ...]) -> None:
        super().__init__(errors, code="request_id_taken")


class QuotaExceeded(BadMessage):
    """A strategy exceeds its quota; nothing was taken, and the same request may be sent again
    later."""

    def __init__(self, quota: str, subject: str, *, used: int, allowed: int) -> None:
        told = FieldError(f"quotas.{quota}", f"{subject}: {used}, and {allowed} are allowed")
        super().__init__((told,), code="quota_exceeded")


class NotAuthentic(BadMessage):
    """A message carries no valid proof of its strategy, or the proof has expired."""


class ExchangeRefused(Refused):
    """The exchange said a definite no."""

    def __init__(
        self, ret_code: int | None, ret_msg: str, *, reason: VenueReason = VenueReason.OTHER
    ) -> None:
        """`ret_code` is the venue's own number, None where it has none; `ret_msg` its words."""
        said = "" if ret_code is None else f" with {ret_code}"
        code = "refused" if ret_code is None else f"ret_{ret_code}"
        super().__init__(f"exchange refused{said}: {ret_msg}", code=code)
        self.ret_code = ret_code
        self.ret_msg = ret_msg
        self.reason = reason


class NotAuthorised(Refused):
    """The act needs a power that the actor lacks."""


class Infeasible(Refused):
    """No valid schedule exists for the parameters; the message names the wrong one."""


class Throttled(RetryLater):
    """A rate limit, ours or the exchange's; nothing was processed."""


class Banned(Throttled):
    """The exchange takes no call of this machine's address, whatever it asks for.

    The adapter tells every process of it, so no caller has to.
    """


class ClockRefused(RetryLater):
    """The exchange refused the time that the request was signed with; nothing was processed.

    `behind_ms` is the least by which our clock is behind the exchange's, negative when it is ahead.
    At 0 the request may only have been late.
    """

    behind_ms = 0


class DependencyDown(RetryLater):
    """Postgres, Redis or the exchange can't be reached; nothing was sent."""


class UnreadableReply(DependencyDown):
    """The exchange answered, and a field that decides is missing or holds nonsense."""
