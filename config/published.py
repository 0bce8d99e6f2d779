"""Files that are derived from the declared keys: `python -m config.published` writes them.

They are the JSON Schema, the base layer of the packaged configuration and the table in
`docs/limits.md`.
"""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from textwrap import wrap
from typing import Any

from config.declaration import Declaration, Stricter
from config.schema import RESERVED_NOTE, schema_text
from config.sections import SECTIONS, keys_of

ROOT = Path(__file__).parents[1]
CONFIGURATION = Path("config/ml_risk_config.yaml")
SCHEMA = Path("config/ml_risk_config.schema.json")
TABLE = Path("docs/limits.md")
_BASE, _AFTER_BASE = "base:\n", "environments:\n"
_WIDTH = 100
_HEAD = """# Limits

`make schema` writes this file from the declarations in `config/`.

A key stands in `config/ml_risk_config.yaml` under its section; `mlrisk config show --origin` prints
the values in force. The default is the value of the layer `base`. A change in the stricter
direction acts at once; every other change loosens. A share is a fraction: 0.03 is 3 %.
"""


def published() -> dict[Path, str]:
    """Each derived file with its text, by its path from the repository's root."""
    written = (ROOT / CONFIGURATION).read_text(encoding="utf-8")
    return {
        SCHEMA: schema_text(),
        CONFIGURATION: with_base(written),
        TABLE: table_text(),
    }


def with_base(written: str) -> str:
    """The configuration file with a base layer of defaults; the other layers stay as they are."""
    before, _, rest = written.partition(_BASE)
    _, _, after = rest.partition(_AFTER_BASE)
    base = "\n".join(_base_lines())
    return f"{before}{_BASE}{base}\n\n{_AFTER_BASE}{after}"


def _base_lines() -> Iterator[str]:
    for number, (section, meaning) in enumerate(SECTIONS.items()):
        if number:
            yield ""
        yield f"  # {meaning}"
        yield f"  {section}:"
        for key, declared in keys_of(section).items():
            yield from wrap(
                _comment(declared),
                _WIDTH,
                initial_indent="    # ",
                subsequent_indent="    # ",
                break_long_words=False,
                break_on_hyphens=False,
            )
            yield f"    {key}: {value_text(declared.default)}"


def _comment(declared: Declaration) -> str:
    parts = [declared.sentence]
    if declared.unit:
        parts.append(f"Unit: {declared.unit}.")
    if declared.reserved:
        parts.append(f"{RESERVED_NOTE.capitalize()}.")
    return " ".join(parts)


def table_text() -> str:
    """The reference of all keys, as `docs/limits.md` has it."""
    parts = [_HEAD]
    for section, meaning in SECTIONS.items():
        rows = "\n".join(_row(declared) for declared in keys_of(section).values())
        parts.append(
            f"## {section}\n\n{meaning}\n\n"
            "| Key | Default | Unit | Stricter | Accepted | Meaning |\n"
            f"|---|---|---|---|---|---|\n{rows}\n"
        )
    return "\n".join(parts)


def _row(declared: Declaration) -> str:
    stricter = "" if declared.stricter is Stricter.UNKNOWN else str(declared.stricter)
    if declared.kind is bool and stricter:
        stricter = "true" if declared.stricter is Stricter.HIGHER else "false"
    meaning = declared.sentence
    if declared.at_most:
        meaning += f" At most `{declared.at_most}`."
    if declared.reserved:
        meaning += f" **{RESERVED_NOTE.capitalize()}.**"
    cells = (
        f"`{declared.key}`",
        f"`{value_text(declared.default)}`",
        declared.unit,
        stricter,
        declared.describe(),
        meaning,
    )
    return "| " + " | ".join(cells) + " |"


def value_text(value: Any) -> str:
    """A default in the form of YAML."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return "[" + ", ".join(value) + "]"
    if isinstance(value, float):
        # Without exponent: YAML takes 1e-05 for a text.
        text = format(Decimal(repr(value)), "f")
        return text.rstrip("0").rstrip(".") if "." in text else text
    return str(value)


def main() -> None:
    """Write the files that are out of date."""
    for path, text in published().items():
        file = ROOT / path
        if not file.exists() or file.read_text(encoding="utf-8") != text:
            file.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
