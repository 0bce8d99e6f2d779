"""Operators for tests: added with known secrets, logged in without waiting for the next code."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pyotp
import pytest
from argon2 import Parameters, Type
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import update

from bot.authority import codes, vault
from bot.authority.actors import Actor, Operator
from bot.authority.login import Credentials, Login
from bot.authority.operators import Operators, enrol
from bot.clock import Clock
from models.database import Database
from models.enums import OperatorRole
from models.tables import OperatorRow

PASSPHRASE = "a long walk at low tide"


@pytest.fixture
def quick_passphrases(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same derivation with a hundredth of the work: what is tested is what follows from it."""
    monkeypatch.setitem(vault.KDFS, vault.KDF, Parameters(Type.ID, 19, 16, 32, 1, 64, 1))


@pytest.fixture
def standing_codes(monkeypatch: pytest.MonkeyPatch) -> None:
    """One step for the whole test, however long a busy machine takes for it."""
    step = codes.step_of(datetime.now(UTC))
    monkeypatch.setattr(codes, "step_of", lambda _: step)


def operator(name: str, role: OperatorRole = OperatorRole.RISK_OFFICER) -> Operator:
    """One who has logged in, for services that only ask who acts."""
    return Operator(0, name, role, "test", Ed25519PrivateKey.generate())


@dataclass
class Person:
    """Somebody who knows a passphrase and holds an authenticator."""

    db: Database
    clock: Clock
    name: str
    totp: pyotp.TOTP
    passphrase: str = PASSPHRASE

    def code(self, steps: int = 0) -> str:
        """What the authenticator shows now, or some steps later."""
        return self.totp.generate_otp(codes.step_of(self.clock.now()) + steps)

    def fresh_code(self) -> str:
        """The present code, though it may have been used: as if the next step had come."""
        with self.db.transaction() as session:
            session.execute(
                update(OperatorRow).where(OperatorRow.name == self.name).values(totp_step=None)
            )
        return self.code()

    def credentials(self, *, passphrase: str | None = None, code: str | None = None) -> Credentials:
        return Credentials(
            self.name,
            self.passphrase if passphrase is None else passphrase,
            self.code() if code is None else code,
        )

    def on_the_command_line(self, directory: Path, code: str | None = None) -> list[str]:
        """Options that log in, with a file of secrets that others can't read."""
        file = directory / f"login-of-{self.name}"
        file.touch(mode=0o600)
        file.write_text(f"{self.passphrase}\n{code or self.fresh_code()}\n", encoding="utf-8")
        return ["--operator", self.name, "--login-file", str(file)]

    def login(self) -> Operator:
        given = self.credentials(code=self.fresh_code())
        return Login(self.db, self.clock, note="test")(given)


def add_person(
    db: Database,
    clock: Clock,
    name: str,
    role: OperatorRole = OperatorRole.RISK_OFFICER,
    by: Actor = "test",
) -> Person:
    """An operator; the first needs nobody's word."""
    new = enrol(name, PASSPHRASE)
    Operators(db, clock).add(new, role, by)
    return Person(db, clock, name, new.secrets.totp)


def count_work(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Fills the list with an entry for each time that a passphrase is worked on."""
    done: list[str] = []
    real = vault.derive

    def derive(kdf: str, passphrase: str, salt: bytes) -> bytes:
        done.append(kdf)
        return real(kdf, passphrase, salt)

    monkeypatch.setattr(vault, "derive", derive)
    return done
