"""The servers of a system: Postgres, Redis and the paper exchange, with the keys of its account."""

import json
from functools import partial
from pathlib import Path

from config.identity import PAPER_ACCOUNT
from config.private_files import write_private
from workers.embedded import postgres, redis
from workers.embedded.postgres import EmbeddedPostgres
from workers.embedded.redis import EmbeddedRedis
from workers.home import Home
from workers.supervision.launches import ProcessSpec
from workers.supervision.programs.options import Options
from workers.supervision.programs.starting import (
    PACKAGES,
    SERVERS,
    answers,
    python_command,
    runtime_environment,
)

JOURNAL = "journal.jsonl"
_PAPER_KEY, _PAPER_SECRET = "paper-api-key", "paper-api-secret"
# A second key of the same account, for the watchdog alone.
_WATCHDOG_KEY, _WATCHDOG_SECRET = "watchdog-api-key", "watchdog-api-secret"


def server_processes(
    database: EmbeddedPostgres | None, cache: EmbeddedRedis | None
) -> list[ProcessSpec]:
    """The embedded servers that this system starts."""
    specs = []
    if database is not None:
        specs.append(
            ProcessSpec(
                "postgres",
                database.command(),
                stop_signal=postgres.STOP_SIGNAL,
                stage=SERVERS,
                ready=database.is_ready,
            )
        )
    if cache is not None:
        specs.append(
            ProcessSpec(
                "redis",
                cache.command(),
                stop_signal=redis.STOP_SIGNAL,
                stage=SERVERS,
                ready=cache.is_ready,
            )
        )
    return specs


def paper_key_files(home: Home) -> dict[str, str]:
    """The files of the home's own keys. They are drawn once and left where the home's paper
    exchange reads them. With published keys every user of the machine could trade in the
    account."""
    key, secret = home.secret(_PAPER_KEY), home.secret(_PAPER_SECRET)
    watchdog = {"key": home.secret(_WATCHDOG_KEY), "secret": home.secret(_WATCHDOG_SECRET)}
    account = {"uid": PAPER_ACCOUNT, "keys": [{"key": key, "secret": secret}, watchdog]}
    write_private(accounts_file(home), json.dumps([account]))
    return {
        "MLRISK_API_KEY_FILE": str(home.secrets / _PAPER_KEY),
        "MLRISK_API_SECRET_FILE": str(home.secrets / _PAPER_SECRET),
    }


def watchdog_key_files(home: Home) -> dict[str, str]:
    """The files of the watchdog's own key of the home's paper exchange."""
    return {
        "MLRISK_WATCHDOG_API_KEY_FILE": str(home.secrets / _WATCHDOG_KEY),
        "MLRISK_WATCHDOG_API_SECRET_FILE": str(home.secrets / _WATCHDOG_SECRET),
    }


def accounts_file(home: Home) -> Path:
    """The paper exchange's accounts, as JSON, which is YAML as well."""
    return home.paper / "accounts.json"


def paper_exchange_process(home: Home, options: Options, port: int) -> ProcessSpec:
    """The paper exchange with the system's symbols and accounts."""
    command = python_command(
        "paper_exchange.main", "--port", str(port), "--market", "auto", "--strict"
    )
    command += ["--symbols", ",".join(options.symbols), "--state-dir", str(home.paper)]
    command += ["--journal", str(home.paper / JOURNAL)]
    if not options.keys:
        command += ["--accounts", str(accounts_file(home))]
    command += options.paper_arguments
    environment = runtime_environment()
    if options.recordings is not None:
        environment["MLRISK_RECORDINGS"] = str(options.recordings)
    return ProcessSpec(
        "paper-exchange",
        command,
        env=environment,
        stage=SERVERS,
        cwd=PACKAGES,
        ready=partial(answers, port, "/v5/market/time"),
    )
