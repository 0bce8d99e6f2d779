"""The stage before the gate: it verifies the sender and applies each strategy's quotas."""

from typing import Any

from bot.decision import signing
from bot.decision.parking import Killed
from bot.decision.quotas import Quotas
from bot.decision.service import ApprovalService
from bot.decision.signing import Signatures
from bot.errors import BadMessage, FieldError, QuotaExceeded
from models import strict_json

TASK = "tasks.validation.validate_and_execute"
"""The task to which strategies send. Their signatures cover its name."""
OWN_NAMES = frozenset({"flatten", "position-monitor"})
"""The strategies of the exits that the system asks for itself, without a message."""
MAX_TEXT_BYTES = 262_144
"""The longest request as text. The largest reasonable one has about 150 kB of daily returns."""


class AuthenticatedDecisions:
    """Takes one account's messages. Without `signatures` every message in the broker is believed;
    without `quotas` any number is taken."""

    def __init__(
        self,
        approval: ApprovalService,
        signatures: Signatures | None = None,
        quotas: Quotas | None = None,
    ) -> None:
        self._approval = approval
        self._signatures = signatures
        self._quotas = quotas

    def validate_and_execute(
        self,
        request: object,
        header: object = None,
        *,
        redelivered: bool = False,
        killed: Killed | None = None,
    ) -> dict[str, Any]:
        """The outcome as plain JSON; a refusal has its name, its reason and a record."""
        try:
            raw = open_request(request, header, self._signatures)
        except BadMessage as error:
            return self._approval.refuse(_claimed(request, header), error)
        # A message that has killed its processes is parked without a look at the quota.
        if self._quotas is not None and killed is None:
            try:
                self._quotas.require_room(raw)
            except QuotaExceeded as error:
                return self._approval.refuse(raw, error)
        return self._approval.validate_and_execute(raw, redelivered=redelivered, killed=killed)


def open_request(request: object, header: object, signatures: Signatures | None) -> object:
    """A message's raw request, once its sender is verified where there are `signatures`.

    Raises BadMessage for text that is too long or no JSON, for a name of the system's own and, as
    NotAuthentic, for a message that its strategy did not sign.
    """
    if isinstance(request, str) and len(request) > MAX_TEXT_BYTES:
        raise _bad(f"has {len(request)} characters, more than {MAX_TEXT_BYTES}")
    signature = None if signatures is None else signatures.check(TASK, request, header)
    raw = _read(request)
    if isinstance(raw, dict):
        require_outsider(raw)
        if signature is not None:
            signing.require_own(signature, raw)
    return raw


def require_outsider(raw: dict[str, Any]) -> None:
    """Raises BadMessage for a name under which the system itself asks for exits."""
    metadata = raw.get("metadata")
    name = metadata.get("strategy") if isinstance(metadata, dict) else None
    if name in OWN_NAMES:
        why = f"is {name!r}, a name of the system's own: give the strategy another name"
        raise BadMessage((FieldError("metadata.strategy", why),))


def _read(request: object) -> object:
    """A request that was sent as text is read from it."""
    if not isinstance(request, str):
        return request
    try:
        return strict_json.loads(request)
    except ValueError as error:
        raise _bad(f"is no JSON: {error}") from None


def _claimed(request: object, header: object) -> object:
    """The record of a message that was refused unread."""
    if not isinstance(header, dict):
        return request
    said = {name: header.get(name) for name in ("request_id", "strategy")}
    return {**said, "request": request}


def _bad(why: str) -> BadMessage:
    return BadMessage((FieldError("request", why),))
