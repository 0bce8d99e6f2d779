"""Authentication: API keys, HMAC and RSA signatures over raw bytes, and the recv_window rule."""

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from paper_exchange.types import Reject

if TYPE_CHECKING:
    from paper_exchange.server.rsa import RsaVerifier

DEFAULT_RECV_WINDOW_MS = 5000
FUTURE_TOLERANCE_MS = 1000
"""A timestamp may be this far ahead with any window (`docs/bybit.md`)."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """One key of one account; exactly one of `secret` and `rsa_public_key` is set."""

    key: str
    uid: str
    secret: str = field(default="", repr=False)
    rsa_public_key: str = ""
    read_only: bool = False


class Verifier:
    """Checks one key's signatures."""

    def __init__(self, api_key: ApiKey) -> None:
        if bool(api_key.secret) == bool(api_key.rsa_public_key):
            raise ValueError(f"key {api_key.key}: give either a secret or an RSA public key")
        self.api_key = api_key
        self._hmac = hmac.new(api_key.secret.encode(), digestmod=hashlib.sha256)
        self._rsa = _rsa(api_key) if api_key.rsa_public_key else None

    def verify(self, message: bytes, signature: str) -> bool:
        """Whether the signature is the key's, over exactly these bytes."""
        if self._rsa is not None:
            return self._rsa.verify(message, signature)
        digest = self._hmac.copy()
        digest.update(message)
        return hmac.compare_digest(digest.hexdigest().encode(), signature.encode())


def _rsa(api_key: ApiKey) -> "RsaVerifier":
    from paper_exchange.server.rsa import RsaVerifier

    try:
        return RsaVerifier(api_key.rsa_public_key)
    except ValueError as error:
        raise ValueError(f"key {api_key.key}: {error}") from None


class KeyRing:
    """All keys of the exchange."""

    def __init__(self, keys: Iterable[ApiKey]) -> None:
        self._verifiers: dict[str, Verifier] = {}
        for api_key in keys:
            if api_key.key in self._verifiers:
                raise ValueError(f"API key {api_key.key} is given twice")
            self._verifiers[api_key.key] = Verifier(api_key)

    def verifier(self, key: str) -> Verifier:
        """The verifier of a key. Raises Reject when the key is unknown."""
        try:
            return self._verifiers[key]
        except KeyError:
            raise Reject(10003, "API key is invalid.") from None

    def authenticate(
        self, key: str, sign: str, timestamp: str, recv_window: str, payload: bytes, wall: int
    ) -> ApiKey:
        """The caller's key, or Reject 10002, 10003 or 10004.

        `payload` is exactly as it came on the wire.
        """
        verifier = self.verifier(key)
        check_window(timestamp, recv_window, wall)
        origin = f"{timestamp}{key}{recv_window}".encode() + payload
        if not verifier.verify(origin, sign):
            shown = origin.decode("utf-8", "replace")
            raise Reject(10004, f"error sign! origin_string[{shown}]")
        return verifier.api_key

    def authenticate_socket(self, key: str, expires: int, sign: str, wall: int) -> ApiKey:
        """The WebSocket login. `expires` is the wall time until which the login is valid, in ms."""
        verifier = self.verifier(key)
        if expires <= wall:
            raise Reject(10002, "The request expires, please check your server timestamp.")
        if not verifier.verify(f"GET/realtime{expires}".encode(), sign):
            raise Reject(10004, "Error sign, please check your signature generation algorithm.")
        return verifier.api_key


def check_window(timestamp: str, recv_window: str, wall: int) -> None:
    """Requires `server - recv_window <= timestamp < server + 1000`.

    Otherwise raises Reject 10002 with both numbers.
    """
    window = recv_window or str(DEFAULT_RECV_WINDOW_MS)
    if not (timestamp.isascii() and timestamp.isdigit()):
        raise Reject(10001, "params error: timestamp invalid")
    if not (window.isascii() and window.isdigit()):
        raise Reject(10001, "params error: recv_window invalid")
    if not wall - int(window) <= int(timestamp) < wall + FUTURE_TOLERANCE_MS:
        raise Reject(
            10002,
            "invalid request, please check your server timestamp or recv_window param. "
            f"req_timestamp[{timestamp}],server_timestamp[{wall}],recv_window[{window}]",
        )
