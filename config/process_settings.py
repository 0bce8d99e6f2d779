"""The settings of a process, each with its default, its bounds and its meaning."""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Self

from pydantic import Field, PrivateAttr, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from config import identity, logins
from config.errors import SettingsError
from config.homes import PREFIX, default_home
from config.identity import Environment, ExchangeMode, TradingMode
from config.secret_files import read_secret_files


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
        running = read_secret_files(Settings, self._key_files)
        return running.get("api_key", self.api_key), running.get("api_secret", self.api_secret)

    def require_exchange_url(self) -> str:
        """The address of the exchange's REST interface. Raises SettingsError when none is set."""
        found = self.exchange_url or self.paper_url
        if found is None:
            raise SettingsError("MLRISK_EXCHANGE_URL is not set: paper trading needs its address")
        return found
