"""Runtime settings: the one module that reads the environment; everyone else receives `Settings`.

Precedence: environment (`MLRISK_*`), then the running system's own file in the home directory
(`run/environment.json`, written by the supervisor, mode 0600), then the defaults below. A secret
may also stand in a file, as in containers: `MLRISK_<NAME>_FILE` is its path.
"""

import os
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, Self, TypeVar, get_args

import platformdirs
from pydantic import (
    Field,
    PrivateAttr,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from config import identity, logins
from config.errors import MlriskError
from config.identity import Environment as Environment
from config.identity import ExchangeMode as ExchangeMode
from config.identity import TradingMode as TradingMode
from config.state_files import DamagedFileError, read_object

PREFIX = "MLRISK_"
FILE_SUFFIX = "_FILE"
MACHINES_HOME = Path("/var/lib/mlrisk")
"""The default home for a user without a home directory."""
# The prefixes of the demo strategy's and the tests' variables.
_OTHERS = (f"{PREFIX}DEMO_", f"{PREFIX}TEST_")
# Each process is given one address of the database, as its own.
_DATABASES = tuple(
    f"{PREFIX}{purpose}_DATABASE_URL"
    for purpose in ("OWNER", "OPERATOR", "AUDIT", "EXPORTER", "VIEWER", "BOOTSTRAP")
)


_KEYS = (f"{PREFIX}API_KEY", f"{PREFIX}API_SECRET")
_KEY_FILES = tuple(name + FILE_SUFFIX for name in _KEYS)
_WATCHDOG = tuple(f"{PREFIX}WATCHDOG_{name}" for name in ("API_KEY", "API_SECRET"))
# `workers.watchdog.settings` reads them; no other process is given them.
_WATCHDOG_KEYS = (*_WATCHDOG, *(name + FILE_SUFFIX for name in _WATCHDOG))

_ALERT_CHANNELS = (f"{PREFIX}ALERT_CHANNELS", f"{PREFIX}ALERT_CHANNELS{FILE_SUFFIX}")
# `workers.alerting.settings` reads them; no other process is given them.


class SettingsError(MlriskError):
    """A setting is missing or wrong. The message names every such setting and its accepted
    values."""


class KeylessSettings(BaseSettings):
    """The settings of a process that only passes messages on. It asks no exchange and needs no
    key."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, extra="ignore", frozen=True, env_ignore_empty=True
    )

    redis_url: SecretStr | None = Field(
        default=None,
        description="the address of Redis: redis://USER:PASSWORD@HOST:PORT; database 0 is used",
    )
    database_url: SecretStr | None = Field(
        default=None,
        description="the address of Postgres: postgresql+psycopg://USER:PASSWORD@HOST/DATABASE",
    )
    account: str = Field(
        default=identity.PAPER_ACCOUNT,
        min_length=1,
        max_length=64,
        description=(
            "the account's name in our books. A database belongs to one account, one mode and one "
            "account of the exchange"
        ),
    )
    log_format: str = Field(
        default="text",
        pattern="^(text|json)$",
        description="text, or json for one object a line",
    )

    @field_validator("redis_url", "database_url")
    @classmethod
    def _login_is_encoded(cls, value: SecretStr | None) -> SecretStr | None:
        return _encoded(value)

    def require_redis_url(self) -> str:
        """The address of Redis. Raises SettingsError when it is not set."""
        if self.redis_url is None:
            raise SettingsError("MLRISK_REDIS_URL is not set")
        return self.redis_url.get_secret_value()

    def require_database_url(self) -> str:
        """The address of Postgres. Raises SettingsError when it is not set."""
        if self.database_url is None:
            raise SettingsError("MLRISK_DATABASE_URL is not set")
        return self.database_url.get_secret_value()


def _encoded(value: SecretStr | None) -> SecretStr | None:
    return None if value is None else SecretStr(logins.encoded(value.get_secret_value()))


class Settings(KeylessSettings):
    """Typed settings of every process. Durations carry their unit in the name."""

    home: Path = Field(
        default_factory=lambda: default_home(),
        description=(
            "the directory of the whole state of `mlrisk up`. Default: mlrisk in the user's state "
            "directory, $XDG_STATE_HOME"
        ),
    )
    owner_database_url: SecretStr | None = Field(
        default=None,
        description=(
            "the database with the role that owns its tables, for migrations. Default: "
            "the address of bootstrap or database_url"
        ),
    )
    operator_database_url: SecretStr | None = Field(
        default=None, description="the database with the console's role. Default: database_url"
    )
    audit_database_url: SecretStr | None = Field(
        default=None,
        description=(
            "the database with beat's role, which appends to the audit. Default: database_url"
        ),
    )
    exporter_database_url: SecretStr | None = Field(
        default=None,
        description=(
            "the database with the exporter's role, which reads what it measures. "
            "Default: database_url"
        ),
    )
    viewer_database_url: SecretStr | None = Field(
        default=None,
        description=(
            "the database with the browser console's role, which reads alone. Default: the "
            "address of operator_database_url"
        ),
    )
    bootstrap_database_url: SecretStr | None = Field(
        default=None,
        description=(
            "the database with a superuser, which creates the roles of the other "
            "addresses. Only `mlrisk migrate` and `mlrisk up` use it"
        ),
    )

    environment: Environment = Field(
        default=Environment.DEVELOPMENT,
        description="which limits apply, and how much authority a recovery takes",
    )
    trading_mode: TradingMode = Field(
        default=TradingMode.PAPER_TRADING,
        description="the limits' second layer, above those of the environment",
    )
    config_path: Path | None = Field(default=None, description="YAML of thresholds and limits")

    market_key: SecretStr | None = Field(
        default=None,
        min_length=16,
        description=(
            "the key that seals the market data in Redis, so that only the feed can "
            "write it. Feed, workers and console share it. Without it any market data in "
            "Redis counts"
        ),
    )

    message_key: SecretStr | None = Field(
        default=None,
        min_length=16,
        description=(
            "the master secret from which each strategy's key is derived. With it a "
            "request counts only if its strategy signed it. Production does not start "
            "without it"
        ),
    )
    message_key_generations: str = Field(
        default="",
        pattern=r"^([A-Za-z0-9_.:\-]{1,64}=[1-9]\d{0,8}(,|$))*$",
        description=(
            "the oldest generation of a strategy's key that counts, for example "
            "alpha=2. Default: 1 for each strategy"
        ),
    )

    exchange: str = Field(
        default=identity.BYBIT,
        description="the exchange: the name of an adapter in bot/exchange/factory.py",
    )
    exchange_mode: ExchangeMode = Field(
        default=ExchangeMode.PAPER,
        description=(
            "where orders go. Only live trades real money, and it refuses development's limits "
            "unless they are confirmed"
        ),
    )
    exchange_url: str | None = Field(
        default=None,
        description=(
            "the base URL of the exchange's HTTP interface; the address of the streams "
            "is derived from it. Paper mode needs it; other modes need it only for a "
            "host of your own"
        ),
    )
    paper_url: str | None = Field(
        default=None, description="the base URL of the paper exchange; only paper mode reads it"
    )
    stream_url: str | None = Field(
        default=None, description="the base URL of the streams, if it can't be derived"
    )
    live_with_development_limits: bool = Field(
        default=False,
        description="confirms that real money trades under development limits",
    )
    holds_keys: bool = Field(
        default=True,
        description=(
            "false: this process has no key of the exchange. It reads public data only, "
            "and other processes prove the account"
        ),
    )
    api_key: SecretStr = Field(
        default=SecretStr(identity.PAPER_KEY),
        description="the exchange's key. The default is the paper exchange's published one",
    )
    api_secret: SecretStr = Field(
        default=SecretStr(identity.PAPER_SECRET), description="the secret of that key"
    )
    _key_files: Mapping[str, str] = PrivateAttr(default_factory=dict)
    symbols: str = Field(
        default="BTCUSDT,ETHUSDT,SOLUSDT,DOGEUSDT",
        description="the traded symbols, joined by commas",
    )

    audit_heads: Path | None = Field(
        default=None,
        description=(
            "the file that notes the newest entry of each audit chain every minute. "
            "Another disk than the database's is best. Default: audit-heads.jsonl in the "
            "home"
        ),
    )
    audit_log: Path | None = Field(
        default=None,
        description=(
            "the directory of the audit log's key, and of the checkpoints that it gives to its "
            "witness. Default: audit-log in the home"
        ),
    )
    audit_witness: Path | None = Field(
        default=None,
        description=(
            "the directory of the witness: its key, the checkpoints that it has signed and the "
            "hashes that it has seen. Another disk than the database's is best. Default: "
            "audit-witness in the home"
        ),
    )
    recordings: Path | None = Field(
        default=None, description="market recordings for the paper exchange"
    )

    dispatch_horizon_seconds: float = Field(
        default=5.0,
        gt=0,
        le=30,
        description=(
            "how far ahead children are enqueued. It must be far below the visibility "
            "timeout, because Redis delivers a message with a later ETA several times"
        ),
    )
    wake_timeout_seconds: float = Field(
        default=3.0,
        gt=0,
        description=("a message that is older counts as lost and is enqueued again"),
    )
    lease_seconds: float = Field(
        default=15.0,
        gt=0,
        description=(
            "the lease of a claimed child. It is longer than the slowest POST (11 s) "
            "with its bookkeeping, and at most half of the shortest deadline, so that "
            "the child of a dead sender is sent again in time"
        ),
    )
    validation_attempts: int = Field(
        default=5,
        ge=1,
        le=100,
        description=(
            "how often the validation of a request may fail before the request is "
            "parked for an operator. The death of two processes parks it as well"
        ),
    )
    failpoint: str | None = Field(
        default=None, description="for tests only: the process kills itself at the named point"
    )

    @field_validator(
        "owner_database_url",
        "operator_database_url",
        "audit_database_url",
        "exporter_database_url",
        "viewer_database_url",
        "bootstrap_database_url",
    )
    @classmethod
    def _logins_are_encoded(cls, value: SecretStr | None) -> SecretStr | None:
        return _encoded(value)

    @field_validator("symbols")
    @classmethod
    def _symbols_are_named(cls, value: str) -> str:
        if not all(part.strip().isalnum() for part in value.split(",")):
            raise ValueError("must be symbols joined by commas, for example BTCUSDT,ETHUSDT")
        return value

    @model_validator(mode="after")
    def _is_safe(self) -> Self:
        if found := self._problems():
            raise ValueError("; ".join(found))
        return self

    def require_sound(self) -> None:
        """Repeats the checks that run when settings are made, for settings that were changed since.
        Raises SettingsError."""
        if found := self._problems():
            raise SettingsError("; ".join(found))

    def _problems(self) -> list[str]:
        own = self.api_key.get_secret_value() != identity.PAPER_KEY
        return identity.problems(self, has_own_keys=own)

    @cached_property
    def symbol_list(self) -> tuple[str, ...]:
        """The traded symbols, in capitals."""
        return tuple(part.strip().upper() for part in self.symbols.split(","))

    @cached_property
    def oldest_generations(self) -> dict[str, int]:
        """The oldest key generation that is still accepted, by the strategy's name."""
        pairs = (part.split("=") for part in self.message_key_generations.split(",") if part)
        return {name: int(generation) for name, generation in pairs}

    def require_database_url(self) -> str:
        """The address of Postgres.

        Raises SettingsError when none is set and no system runs in the home.
        """
        if self.database_url is None:
            raise SettingsError(
                "MLRISK_DATABASE_URL is not set and no system runs in "
                f"{self.home}: start one with `mlrisk up`, or name it with --home"
            )
        return self.database_url.get_secret_value()

    def require_redis_url(self) -> str:
        """The address of Redis.

        Raises SettingsError when none is set and no system runs in the home.
        """
        if self.redis_url is None:
            raise SettingsError(
                "MLRISK_REDIS_URL is not set and no system runs in "
                f"{self.home}: start one with `mlrisk up`, or name it with --home"
            )
        return self.redis_url.get_secret_value()

    def exchange_keys(self) -> tuple[SecretStr, SecretStr] | None:
        """Key and secret; None for a process without keys. Raises SettingsError.

        The files of a running system's keys are read here and not earlier, because most commands
        need no key.
        """
        if not self.holds_keys:
            return None
        running = _read_secret_files(Settings, self._key_files)
        return running.get("api_key", self.api_key), running.get("api_secret", self.api_secret)

    def require_exchange_url(self) -> str:
        """The address of the exchange's REST interface. Raises SettingsError when none is set."""
        found = self.exchange_url or self.paper_url
        if found is None:
            raise SettingsError("MLRISK_EXCHANGE_URL is not set: paper trading needs its address")
        return found


_S = TypeVar("_S", bound=KeylessSettings)


def default_home() -> Path:
    """$MLRISK_HOME, else the user's state directory, else the machine's."""
    chosen = _home_from_environment()
    if chosen is not None:
        return chosen
    try:
        return Path(platformdirs.user_state_dir("mlrisk"))
    except RuntimeError:  # no $HOME and no entry for the user: a halt needs neither
        return MACHINES_HOME


def expanded(path: Path) -> Path:
    """The path with `~` as the user's directory. Raises SettingsError for a user without one."""
    try:
        return path.expanduser().absolute()
    except RuntimeError as error:
        raise SettingsError(
            f"{path}: this user has no home directory ($HOME): give an absolute path"
        ) from error


def environment_file(home: Path) -> Path:
    """The file in which the supervisor leaves the addresses of the running system."""
    return home / "run" / "environment.json"


def load_settings(home: Path | None = None) -> Settings:
    """Settings from the environment and the home's running system.

    Raises SettingsError with every unknown or wrong `MLRISK_*` variable.
    """
    chosen = home or _home_from_environment()
    running = _read_environment_file(chosen or default_home())
    overrides: dict[str, Any] = _read_secret_files(Settings, os.environ)
    if chosen is not None:
        overrides["home"] = chosen
    known = {name: value for name, value in running.items() if not os.environ.get(name)}
    for name, value in known.items():
        if name.startswith(PREFIX) and not name.endswith(FILE_SUFFIX):
            overrides.setdefault(name.removeprefix(PREFIX).lower(), value)
    _refuse_unknown_variables()
    found = _checked(Settings, overrides)
    if "api_key" not in found.model_fields_set:
        found._key_files = {name: path for name, path in known.items() if name in _KEY_FILES}
    return found


def load_keyless_settings() -> KeylessSettings:
    """Keyless settings, from the environment alone. Raises SettingsError as `load_settings`
    does."""
    return load_from_environment(KeylessSettings)


def load_from_environment(kind: type[_S]) -> _S:
    """A process's own kind of settings, from the environment alone. Raises SettingsError as
    `load_settings` does."""
    _refuse_unknown_variables()
    return _checked(kind, _read_secret_files(kind, os.environ))


class ChildSettings(NamedTuple):
    """Variables for the processes that this one starts."""

    shared: dict[str, str]
    keys: dict[str, str]
    """The exchange's keys, only for the processes that ask the exchange."""
    watchdog: dict[str, str]
    """The watchdog's own keys, only for the watchdog."""
    alerting: dict[str, str]
    """The addresses of people, only for the process that tells them."""


def settings_for_children() -> ChildSettings:
    """The settings that this process's environment gives to its child processes.

    Files of addresses and of our own keys are left out, because children get those values directly.
    """
    left_out = {f"{PREFIX}{name}{FILE_SUFFIX}" for name in ("DATABASE_URL", "REDIS_URL")}
    left_out |= {f"{PREFIX}{name}_KEY{FILE_SUFFIX}" for name in ("MARKET", "MESSAGE")}
    left_out |= {name + suffix for name in _DATABASES for suffix in ("", FILE_SUFFIX)}
    left_out.add(f"{PREFIX}HOLDS_KEYS")
    of_exchange = {*_KEYS, *_KEY_FILES}
    found = ChildSettings({}, {}, {}, {})
    for name, value in os.environ.items():
        if name in _WATCHDOG_KEYS:
            found.watchdog[name] = value
        elif name in _ALERT_CHANNELS:
            found.alerting[name] = value
        elif name.startswith(PREFIX) and not name.startswith(_OTHERS) and name not in left_out:
            (found.keys if name in of_exchange else found.shared)[name] = value
    return found


def _checked(kind: type[_S], overrides: dict[str, Any]) -> _S:
    try:
        return kind(**overrides)
    except ValidationError as error:
        problems = "; ".join(
            f"{PREFIX}{str(e['loc'][0]).upper()}: {e['msg']}"
            if e["loc"]
            else e["msg"].removeprefix("Value error, ")
            for e in error.errors(include_input=False, include_url=False)
        )
        raise SettingsError(problems) from None


def secret_variables(kind: type[KeylessSettings] = Settings) -> dict[str, str]:
    """The variable of each secret setting, by the setting's name."""
    return {
        name: f"{PREFIX}{name.upper()}"
        for name, field in kind.model_fields.items()
        if SecretStr in (field.annotation, *get_args(field.annotation))
    }


def _read_secret_files(
    kind: type[KeylessSettings], environment: Mapping[str, str]
) -> dict[str, Any]:
    """The secrets in the files that the environment names."""
    found = {}
    for name, variable in secret_variables(kind).items():
        path = environment.get(variable + FILE_SUFFIX)
        if not path:
            continue
        try:
            secret = Path(path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(
                f"{variable}{FILE_SUFFIX}: {path} can't be read ({type(error).__name__})"
            ) from error
        if not secret:
            raise SettingsError(f"{variable}{FILE_SUFFIX}: {path} is empty")
        # Processes of `mlrisk up` inherit the file and are given its value too. Both must be equal.
        if (os.environ.get(variable) or secret) != secret:
            raise SettingsError(f"{variable} and {variable}{FILE_SUFFIX} differ: set one")
        found[name] = SecretStr(secret)
    return found


def _home_from_environment() -> Path | None:
    value = os.environ.get(f"{PREFIX}HOME")
    return Path(value) if value else None


def _read_environment_file(home: Path) -> dict[str, str]:
    try:
        loaded = read_object(environment_file(home)) or {}
    except DamagedFileError as error:
        raise SettingsError(
            f"{error}: stop the system (`mlrisk down`) and start it again; the start writes the "
            "file again"
        ) from error
    return {str(key): str(value) for key, value in loaded.items()}


def _refuse_unknown_variables() -> None:
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    known |= {variable + FILE_SUFFIX for variable in secret_variables().values()}
    known |= {*_WATCHDOG_KEYS, *_ALERT_CHANNELS}
    unknown = [
        name
        for name in os.environ
        if name.startswith(PREFIX) and name not in known and not name.startswith(_OTHERS)
    ]
    if unknown:
        raise SettingsError(
            f"unknown settings {', '.join(sorted(unknown))}; known: {', '.join(sorted(known))}"
        )
