"""The identity of a database: account, mode, the exchange's account id, and limits."""

from dataclasses import dataclass

from bot.errors import Refused
from config.settings import Environment, ExchangeMode, TradingMode


class WrongIdentity(Refused):
    """These settings are not the ones that the database belongs to."""


@dataclass(frozen=True, slots=True)
class Identity:
    """The account of a process' keys, and the limits under which it trades."""

    account: str
    mode: str
    exchange_uid: str
    environment: Environment | None = None
    """None when the database is of an earlier version and no process has started on it since."""
    trading_mode: TradingMode | None = None

    def __str__(self) -> str:
        limits = f"{self.environment or 'no environment yet'}, {self.trading_mode or 'no mode yet'}"
        return (
            f"account {self.account}, {self.mode} trading, exchange account {self.exchange_uid}, "
            f"{limits}"
        )

    @property
    def is_guarded(self) -> bool:
        """Whether lifting a halt needs a login: in every environment except development."""
        is_free = self.environment is Environment.DEVELOPMENT
        return not is_free or self.mode == ExchangeMode.LIVE


def limits_of(identity: Identity) -> dict[str, str | None]:
    """Environment and trading mode, as an audit entry holds them."""
    return {"environment": identity.environment, "trading_mode": identity.trading_mode}


def compare(bound: Identity, ours: Identity) -> None:
    """Raises WrongIdentity with the first difference between a process and its database."""
    if bound.account != ours.account:
        raise another(f"belongs to account {bound.account}", ours.account)
    if bound.mode != ours.mode:
        raise WrongIdentity(
            f"this database belongs to {bound.mode} trading, and MLRISK_EXCHANGE_MODE says "
            f"{ours.mode}: start with MLRISK_EXCHANGE_MODE={bound.mode}, or give {ours.mode} "
            "trading a new database (MLRISK_DATABASE_URL, or another --home)",
            code="wrong_mode",
        )
    if bound.exchange_uid != ours.exchange_uid:
        raise WrongIdentity(
            f"this database belongs to the exchange's account {bound.exchange_uid}, and these API "
            f"keys are those of {ours.exchange_uid}: start with keys of {bound.exchange_uid}, or "
            "give the other account a new database (MLRISK_DATABASE_URL, or another --home)",
            code="wrong_uid",
        )
    _compare_limits(bound, ours)


def _compare_limits(bound: Identity, ours: Identity) -> None:
    for name, theirs, said in (
        ("MLRISK_ENVIRONMENT", bound.environment, ours.environment),
        ("MLRISK_TRADING_MODE", bound.trading_mode, ours.trading_mode),
    ):
        if None not in (theirs, said) and theirs != said:
            raise WrongIdentity(
                f"this database belongs to {theirs}, and {name} says {said}: start with "
                f"{name}={theirs}, or give {said} a new database (MLRISK_DATABASE_URL, or another "
                "--home)",
                code="wrong_environment",
            )


def another(what: str, account: str) -> WrongIdentity:
    """The refusal of a database of another account; the text `what` gives the reason."""
    return WrongIdentity(
        f"this database {what}, and MLRISK_ACCOUNT says {account}: start with the right "
        f"MLRISK_ACCOUNT, or give {account} a new database (MLRISK_DATABASE_URL, or another "
        "--home)",
        code="wrong_account",
    )
