"""Signatures of messages: only the strategy and mlrisk can make the key that signs them.

A strategy's key follows from one master secret, its name and a generation, so that workers need no
table of keys. The code covers the task, the header's other fields and the exact text of the
request. A copy of a message is harmless, because a request_id is worked once. A signature expires,
so it can't be used much later.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from bot.clock import Clock
from bot.errors import FieldError, NotAuthentic
from models.enums import MessageRefusal

HEADER = "mlrisk_auth"
"""The header of the message that holds the proof."""
LONGEST_LIFE = timedelta(days=1)
"""The longest life of a signature; a longer one would let somebody keep a message for later."""
_SKEW = timedelta(seconds=5)
"""The most that a strategy's clock may be ahead of ours at the longest life."""
_MAX_WORD = 128
_MAX_NUMBER = 2**53
_PURPOSE = "mlrisk strategy key"


@dataclass(frozen=True, slots=True)
class Signature:
    """The fields of the header."""

    strategy: str
    generation: int
    request_id: str
    nonce: str
    expires: int
    """Seconds since 1970."""
    mac: str


@lru_cache(maxsize=1024)
def key_of(master: str, strategy: str, generation: int = 1) -> str:
    """The key of a strategy; another generation is another key."""
    return _code(master, _PURPOSE, strategy, str(generation))


def key_line(master: str, strategy: str, generation: int = 1) -> str:
    """The key as a strategy is given it, with the generation that it names in its messages."""
    return f"{generation}:{key_of(master, strategy, generation)}"


def mac_of(key: str, task: str, signature: Signature, text: str) -> str:
    """The code of a request's text under these header fields."""
    said = (signature.strategy, str(signature.generation), signature.request_id)
    return _code(key, task, *said, signature.nonce, str(signature.expires), text)


class Signatures:
    """Verifies that a strategy signed a message."""

    def __init__(self, master: str, clock: Clock, oldest: Mapping[str, int]) -> None:
        """`oldest` is the oldest valid key generation by strategy, 1 by default. Raising it voids a
        lost key."""
        self._master = master
        self._clock = clock
        self._oldest = dict(oldest)

    def check(self, task: str, text: object, header: object) -> Signature:
        """Verifies the signature over a request's text. Raises NotAuthentic.

        The cheapest checks come first. The text itself is not parsed.
        """
        if header is None:
            raise _refused(
                MessageRefusal.SIGNATURE_MISSING,
                "the message is not signed: send it with your strategy's key",
            )
        found = _read(header)
        if not isinstance(text, str):
            raise _refused(
                MessageRefusal.SIGNATURE_INVALID,
                "a signed request is sent as the JSON text that was signed",
            )
        self._require_time(found)
        if found.generation < self._oldest.get(found.strategy, 1):
            raise _refused(MessageRefusal.SIGNATURE_OUTDATED, "the key was replaced by a newer one")
        key = key_of(self._master, found.strategy, found.generation)
        if not hmac.compare_digest(mac_of(key, task, found, text), found.mac):
            raise _refused(
                MessageRefusal.SIGNATURE_INVALID,
                "the message is not what the named strategy's key signed",
            )
        return found

    def _require_time(self, found: Signature) -> None:
        now = self._clock.now()
        if found.expires < now.timestamp():
            when = datetime.fromtimestamp(found.expires, UTC)
            raise _refused(
                MessageRefusal.SIGNATURE_EXPIRED, f"the message was valid until {when.isoformat()}"
            )
        if found.expires > (now + LONGEST_LIFE + _SKEW).timestamp():
            raise _refused(
                MessageRefusal.SIGNATURE_INVALID,
                f"a message may be valid for {LONGEST_LIFE} at most",
            )


def require_own(signature: Signature, raw: Mapping[object, object]) -> None:
    """Raises NotAuthentic when the request names another strategy than the key's."""
    metadata = raw.get("metadata")
    named = metadata.get("strategy") if isinstance(metadata, Mapping) else None
    if named != signature.strategy:
        raise _refused(
            MessageRefusal.SIGNATURE_INVALID,
            "metadata.strategy is not the strategy whose key signed it",
        )
    if raw.get("request_id") != signature.request_id:
        raise _refused(MessageRefusal.SIGNATURE_INVALID, "request_id differs from the signed one")


def _read(header: object) -> Signature:
    if not isinstance(header, Mapping):
        raise _refused(MessageRefusal.SIGNATURE_INVALID, f"the header {HEADER} must be an object")
    words = [_word(header, name) for name in ("strategy", "request_id", "nonce", "mac")]
    strategy, request_id, nonce, mac = words
    return Signature(
        strategy, _number(header, "generation"), request_id, nonce, _number(header, "expires"), mac
    )


def _word(header: Mapping[object, object], name: str) -> str:
    value = header.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= _MAX_WORD or not value.isascii():
        raise _refused(
            MessageRefusal.SIGNATURE_INVALID, f"{name} must be 1 to {_MAX_WORD} characters of ASCII"
        )
    return value


def _number(header: Mapping[object, object], name: str) -> int:
    value = header.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < _MAX_NUMBER:
        raise _refused(MessageRefusal.SIGNATURE_INVALID, f"{name} must be a whole number above 0")
    return value


def _refused(kind: MessageRefusal, why: str) -> NotAuthentic:
    return NotAuthentic((FieldError(HEADER, why),), code=kind.value)


def _code(key: str, *parts: str) -> str:
    # Each part carries its length, so that moving text to the next part changes the code.
    encoded = [part.encode("utf-8", "surrogatepass") for part in parts]
    message = b"".join(b"%d:%s" % (len(part), part) for part in encoded)
    return hmac.digest(key.encode(), message, hashlib.sha256).hex()
