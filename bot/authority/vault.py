"""An operator's secrets, locked by the passphrase alone.

Nothing of the passphrase is stored, not even a hash of it: argon2id turns it into the key that
opens the operator's box. In the box are the secret of the one-time codes and the private key that
signs acts. A reader of the database can therefore neither compute codes nor sign.
"""

import secrets
import unicodedata
from base64 import b32encode
from dataclasses import dataclass, field
from functools import cached_property

import pyotp
from argon2 import Parameters
from argon2.low_level import hash_secret_raw
from argon2.profiles import RFC_9106_LOW_MEMORY
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bot.errors import Refused

KDF = "rfc9106-low-memory"
"""How new boxes are locked: argon2id with 64 MiB, three passes, four lanes."""
KDFS: dict[str, Parameters] = {KDF: RFC_9106_LOW_MEMORY}
MIN_PASSPHRASE = 12
MAX_PASSPHRASE = 1024
_ISSUER = "mlrisk"
_SALT_BYTES = 16
_NONCE_BYTES = 12
_TOTP_BYTES = 20
_KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class Box:
    """The stored form of the secrets; worth nothing without the passphrase."""

    kdf: str
    salt: bytes
    sealed: bytes


@dataclass(frozen=True)
class Secrets:
    """An open box. Its representation shows nothing."""

    totp_secret: bytes = field(repr=False)
    private_bytes: bytes = field(repr=False)

    @cached_property
    def key(self) -> Ed25519PrivateKey:
        """The private key that signs the operator's acts."""
        return Ed25519PrivateKey.from_private_bytes(self.private_bytes)

    @property
    def public_key(self) -> str:
        """The public key in hexadecimal, as the audit record introduces it."""
        return self.key.public_key().public_bytes_raw().hex()

    @cached_property
    def totp(self) -> pyotp.TOTP:
        """The generator of the operator's one-time codes (RFC 6238)."""
        return pyotp.TOTP(_base32(self.totp_secret))

    def uri(self, name: str) -> str:
        """The address that an authenticator reads. It holds the secret, so it is shown once."""
        return self.totp.provisioning_uri(name=name, issuer_name=_ISSUER)


def new_secrets() -> Secrets:
    """Draws the secrets of a new operator from the system's random source."""
    return Secrets(
        secrets.token_bytes(_TOTP_BYTES), Ed25519PrivateKey.generate().private_bytes_raw()
    )


def lock(name: str, passphrase: str, contents: Secrets) -> Box:
    """Locks an operator's secrets. Raises Refused for a passphrase that is too easy."""
    _require_strength(name, passphrase)
    salt, nonce = secrets.token_bytes(_SALT_BYTES), secrets.token_bytes(_NONCE_BYTES)
    plain = contents.totp_secret + contents.private_bytes
    sealed = AESGCM(derive(KDF, passphrase, salt)).encrypt(nonce, plain, _owner(name))
    return Box(KDF, salt, nonce + sealed)


def unlock(name: str, passphrase: str, box: Box | None) -> Secrets | None:
    """The secrets, or None for a wrong passphrase.

    Without a box, for an unknown name, the same work is done, so that the time reveals no names.
    """
    known = box or _DECOY
    key = derive(known.kdf, passphrase, known.salt)
    nonce, sealed = known.sealed[:_NONCE_BYTES], known.sealed[_NONCE_BYTES:]
    try:
        plain = AESGCM(key).decrypt(nonce, sealed, _owner(name))
    except InvalidTag:
        return None
    return Secrets(plain[:_TOTP_BYTES], plain[_TOTP_BYTES:])


def derive(kdf: str, passphrase: str, salt: bytes) -> bytes:
    """Derives the key from a passphrase; slow and large in memory on purpose."""
    cost = KDFS[kdf]
    return hash_secret_raw(
        secret=_normal(passphrase).encode("utf-8", "surrogatepass"),
        salt=salt,
        time_cost=cost.time_cost,
        memory_cost=cost.memory_cost,
        parallelism=cost.parallelism,
        hash_len=_KEY_BYTES,
        type=cost.type,
        version=cost.version,
    )


_DECOY = Box(KDF, bytes(_SALT_BYTES), bytes(_NONCE_BYTES + _TOTP_BYTES + _KEY_BYTES + 16))


def _require_strength(name: str, passphrase: str) -> None:
    if not MIN_PASSPHRASE <= len(passphrase) <= MAX_PASSPHRASE:
        raise Refused(
            f"a passphrase has {MIN_PASSPHRASE} to {MAX_PASSPHRASE} characters",
            code="weak_passphrase",
        )
    if len(set(passphrase)) < MIN_PASSPHRASE // 2 or name in passphrase.casefold():
        raise Refused(
            "a passphrase doesn't repeat a few characters and doesn't hold the operator's name",
            code="weak_passphrase",
        )


def _normal(passphrase: str) -> str:
    """Keyboards compose one character in several ways."""
    return unicodedata.normalize("NFKC", passphrase)


def _owner(name: str) -> bytes:
    """A box that was copied into another operator's row does not open."""
    return f"mlrisk operator {name}".encode()


def _base32(secret: bytes) -> str:
    return b32encode(secret).decode()
