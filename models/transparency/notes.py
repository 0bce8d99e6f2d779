"""Signs checkpoints: the log as a signed note, its witness with a timestamped cosignature."""

import base64
import hashlib
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from models.transparency.offline_verifier import (
    COSIGNATURE,
    LOG_SIGNATURE,
    Checkpoint,
    Note,
    VerifierKey,
    cosigned_message,
)

_LOG, _WITNESS = b"mlrisk audit log, version 1\n", b"mlrisk audit witness, version 1\n"


class Signer:
    """A private key with its name. The name ends with a part of the public key, so that two logs
    never have one name."""

    def __init__(self, secret: str, purpose: int) -> None:
        prefix, name = (_LOG, "log") if purpose == LOG_SIGNATURE else (_WITNESS, "witness")
        seed = hashlib.sha256(prefix + secret.encode()).digest()
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        public = self._key.public_key().public_bytes_raw()
        self.key = VerifierKey(f"mlrisk.audit/{name}/{public.hex()[:16]}", purpose, public)
        """What others verify with."""

    def _line(self, signature: bytes) -> str:
        return f"\u2014 {self.key.name} {base64.b64encode(self.key.key_id + signature).decode()}\n"


class LogSigner(Signer):
    """The log's key. Its name is the log's origin."""

    def __init__(self, secret: str) -> None:
        super().__init__(secret, LOG_SIGNATURE)

    def checkpoint(self, size: int, root: bytes) -> str:
        """The signed note of the log's head."""
        text = str(Checkpoint(self.key.name, size, root))
        return f"{text}\n{self._line(self._key.sign(text.encode()))}"


class WitnessSigner(Signer):
    """The witness' key."""

    def __init__(self, secret: str) -> None:
        super().__init__(secret, COSIGNATURE)

    def cosign(self, note: str, at: datetime) -> str:
        """The note with the witness' signature below the log's. The caller has verified it."""
        seconds = int(at.timestamp())
        signature = self._key.sign(cosigned_message(Note.parse(note).text, seconds))
        return note + self._line(seconds.to_bytes(8, "big") + signature)
