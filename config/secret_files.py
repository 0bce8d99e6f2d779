"""Secrets of settings that stand in files, as in containers: `MLRISK_<NAME>_FILE` is a path."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from pydantic import SecretStr
from pydantic_settings import BaseSettings

from config.errors import SettingsError
from config.homes import PREFIX

FILE_SUFFIX = "_FILE"
"""What the variable with a file's path has after the name of the setting."""


def secret_variables(kind: type[BaseSettings]) -> dict[str, str]:
    """The variable of each secret setting, by the setting's name."""
    return {
        name: f"{PREFIX}{name.upper()}"
        for name, field in kind.model_fields.items()
        if SecretStr in (field.annotation, *get_args(field.annotation))
    }


def read_secret_files(kind: type[BaseSettings], environment: Mapping[str, str]) -> dict[str, Any]:
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
