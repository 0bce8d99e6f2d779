"""The page of the environment variables, from the typed settings of every process."""

from collections.abc import Iterator
from typing import Any, get_args

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from config.secret_files import FILE_SUFFIX
from config.settings import PREFIX, KeylessSettings, Settings
from console.reference.fields import accepted
from console.reference.markdown import code, head, sentence, table
from workers.alerting.settings import AlertingSettings
from workers.watchdog.settings import WatchdogSettings

_HEAD = (
    "A variable that is not listed here and begins with `MLRISK_` stops the start, and the message "
    "names it. An empty variable counts as not set. The environment comes first, then the running "
    "system's own file in its home, then the default.",
    f"A secret may stand in a file: `NAME{FILE_SUFFIX}` is the path of the file that holds `NAME`. "
    "The last column says where that is possible. [.env.example](../../.env.example) has the same "
    "list for containers, with their ports and profiles.",
)
_PARTS: tuple[tuple[str, str, type[KeylessSettings]], ...] = (
    ("Every process", "", Settings),
    (
        "The watchdog alone",
        "No other process is given these. [Safety](../safety.md#the-watchdog) says why.",
        WatchdogSettings,
    ),
    (
        "The alerting process alone",
        "No other process is given it. [Alerts](../alerts.md#channels) has its form.",
        AlertingSettings,
    ),
)


def text() -> str:
    """The page as it must be."""
    parts = [head("Environment variables", *_HEAD)]
    seen: set[str] = set()
    for title, words, kind in _PARTS:
        own = {n: f for n, f in kind.model_fields.items() if n not in seen}
        seen |= own.keys()
        rows = table(("Variable", "Accepted", "Default", "Meaning", "File"), _rows(kind, own))
        parts.append("\n".join(filter(None, (f"## {title}\n", words and f"{words}\n", rows))))
    return "\n".join(parts)


def _rows(
    kind: type[KeylessSettings], fields: dict[str, FieldInfo]
) -> Iterator[tuple[str, str, str, str, str]]:
    schema = kind.model_json_schema(mode="validation")
    for name, field in sorted(fields.items()):
        secret = SecretStr in (field.annotation, *get_args(field.annotation))
        yield (
            code(f"{PREFIX}{name.upper()}"),
            accepted(schema["properties"][name], schema),
            _default(field.default),
            sentence(field.description or ""),
            "yes" if secret else "",
        )


def _default(value: Any) -> str:
    """The default as the environment would say it; empty where nothing is set."""
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if isinstance(value, bool):
        return code(str(value).lower())
    return code(str(value)) if isinstance(value, str | int | float) and str(value) else ""
