"""Override codes: a person chooses one to lock an emergency stop of a notebook.

A code is kept as argon2id derives it, and only while the stop lasts.
"""

import hmac
import secrets
from dataclasses import dataclass, field

from bot.authority import vault

_SALT_BYTES = 16


@dataclass(frozen=True, slots=True)
class OverrideCode:
    """A code that was chosen; its representation shows nothing of it."""

    salt: bytes = field(repr=False)
    derived: bytes = field(repr=False)

    @classmethod
    def of(cls, code: str) -> "OverrideCode":
        """Derives the record of a chosen code, under a fresh salt."""
        salt = secrets.token_bytes(_SALT_BYTES)
        return cls(salt, vault.derive(vault.KDF, code, salt))

    def is_of(self, code: str) -> bool:
        """Whether `code` is the chosen one; compared in constant time."""
        return hmac.compare_digest(vault.derive(vault.KDF, code, self.salt), self.derived)
