"""Admission of requests from a strategy that a token has proven: as its messages, but with a row
before the answer.

The same checks as for a message in the broker come first: the sender's signature where messages are
signed, names of the system's own, and the strategy's quotas. The validation worker then decides the
row; nothing is decided here.
"""

from typing import Any

from bot.decision.authentication import open_request, require_outsider
from bot.decision.quotas import Quotas
from bot.decision.requests import Admission
from bot.decision.signing import Signatures
from bot.errors import BadMessage, FieldError
from models.enums import MessageRefusal
from models.messages import MLTradeRequest, money_fields

MONEY: dict[str, tuple[str, ...]] = {
    name: money_fields(MLTradeRequest.model_fields[name].annotation)
    for name in ("signal_data", "market_data")
}
"""The fields that hold money, by the part of a request."""


class StrategyAdmission:
    """Admits the requests of one account's strategies."""

    def __init__(
        self, admission: Admission, quotas: Quotas, signatures: Signatures | None = None
    ) -> None:
        """Without `signatures` the token alone proves the strategy."""
        self._admission = admission
        self._quotas = quotas
        self._signatures = signatures

    def accept(self, text: str, header: object, strategy: str) -> str:
        """Writes the request's row and returns its key. A known request changes nothing.

        A request that names no strategy is this one's. Raises BadMessage after an audit entry,
        also for a request in another name.
        """
        claimed: dict[str, object] = {"strategy": strategy, "request": text}
        try:
            raw = open_request(text, header, self._signatures)
            if isinstance(raw, dict):
                claimed |= {"request_id": raw.get("request_id"), "request": raw}
            raw = self._own(raw, strategy)
            _require_text_money(raw)
            self._quotas.require_room(raw)
        except BadMessage as error:
            self._admission.record(claimed, error)
            raise
        return self._admission.accept(raw)

    def _own(self, raw: object, strategy: str) -> object:
        """The request with this strategy's name."""
        if not isinstance(raw, dict):
            return raw
        metadata = raw.get("metadata", {})
        if not isinstance(metadata, dict):
            return raw  # parsing refuses it by name
        named = metadata.get("strategy", strategy)
        if named != strategy:
            why = f"must be {strategy!r}, to which the token is bound"
            raise BadMessage(
                (FieldError("metadata.strategy", why),), code=MessageRefusal.ANOTHER_STRATEGY
            )
        own = {**raw, "metadata": {**metadata, "strategy": strategy}}
        require_outsider(own)
        return own


def _require_text_money(raw: object) -> None:
    """Raises BadMessage for money that is no text, because programs round numbers of JSON."""
    if not isinstance(raw, dict):
        return
    wrong = [
        FieldError(f"{part}.{name}", "must be a JSON string of plain decimal digits")
        for part, names in MONEY.items()
        for name in names
        if isinstance(raw.get(part), dict) and _is_number(raw[part].get(name))
    ]
    if wrong:
        raise BadMessage(tuple(wrong))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float)
