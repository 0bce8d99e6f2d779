"""Reads the environment into `Settings`, which everyone else receives.

Precedence: environment (`MLRISK_*`), then the running system's own file in the home directory
(`run/environment.json`, written by the supervisor, mode 0600), then the defaults of
`config.process_settings`. A secret may also stand in a file, as in containers:
`MLRISK_<NAME>_FILE` is its path.
"""

import os
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from pydantic import (
    ValidationError,
)

from config.errors import SettingsError as SettingsError
from config.homes import PREFIX as PREFIX
from config.homes import default_home, environment_file, home_from_environment
from config.identity import Environment as Environment
from config.identity import ExchangeMode as ExchangeMode
from config.identity import TradingMode as TradingMode
from config.process_settings import KeylessSettings as KeylessSettings
from config.process_settings import Settings as Settings
from config.secret_files import FILE_SUFFIX, read_secret_files, secret_variables
from config.state_files import DamagedFileError, read_object

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


_S = TypeVar("_S", bound=KeylessSettings)


def load_settings(home: Path | None = None) -> Settings:
    """Settings from the environment and the home's running system.

    Raises SettingsError with every unknown or wrong `MLRISK_*` variable.
    """
    chosen = home or home_from_environment()
    running = _read_environment_file(chosen or default_home())
    overrides: dict[str, Any] = read_secret_files(Settings, os.environ)
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
    return _checked(kind, read_secret_files(kind, os.environ))


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
    known |= {variable + FILE_SUFFIX for variable in secret_variables(Settings).values()}
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
