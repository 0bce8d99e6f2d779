"""One-time links by which the user of this machine opens the browser console in development.

A link carries a moment, a random number and their code by a secret of the home, which its owner
alone can read. It is good for some minutes, and once.
"""

import hmac
import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from bot.clock import Clock
from workers.supervision.programs.consoles import WEB_LINK_KEY

KEY = WEB_LINK_KEY
"""The name of the home's secret."""
LIFETIME = timedelta(minutes=5)
_NONCE_BYTES = 16


def draw(secret: str, now: datetime) -> str:
    """A new token."""
    said = f"{int(now.timestamp())}.{secrets.token_hex(_NONCE_BYTES)}"
    return f"{said}.{_code(secret, said)}"


class Links:
    """Takes each token once. A restart voids those that were drawn before it."""

    def __init__(self, secret: Callable[[], str | None], clock: Clock) -> None:
        """`secret` tells the home's secret; None where the home has none."""
        self._secret = secret
        self._clock = clock
        self._since = clock.now() - timedelta(seconds=1)
        self._used: dict[str, datetime] = {}

    def take(self, token: str) -> bool:
        """Whether the token is good. It is good no more afterwards."""
        secret, now = self._secret(), self._clock.now()
        said, _, code = token.rpartition(".")
        if secret is None or not hmac.compare_digest(code.encode(), _code(secret, said).encode()):
            return False
        drawn_at = datetime.fromtimestamp(int(said.partition(".")[0]), UTC)
        if drawn_at < self._since or now - drawn_at > LIFETIME or said in self._used:
            return False
        self._used = {one: at for one, at in self._used.items() if now - at <= LIFETIME}
        self._used[said] = drawn_at
        return True


def _code(secret: str, said: str) -> str:
    return hmac.new(secret.encode(), f"mlrisk web link\n{said}".encode(), "sha256").hexdigest()
