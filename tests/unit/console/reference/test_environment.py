"""The page of variables has each setting of each process, and says what it means."""

import re

from config.secret_files import secret_variables
from config.settings import PREFIX, Settings
from console.reference.environment import text
from tests.support.repository import text_of


def _rows() -> dict[str, list[str]]:
    rows = re.findall(r"^\| `(\w+)` \|(.*)\|$", text(), re.MULTILINE)
    found = {name: [cell.strip() for cell in cells.split(" | ")] for name, cells in rows}
    assert len(found) == len(rows)
    return found


def test_each_variable_has_a_row_with_its_meaning() -> None:
    rows = _rows()
    own = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    others = {f"{PREFIX}WATCHDOG_API_KEY", f"{PREFIX}WATCHDOG_API_SECRET"}
    assert rows.keys() == own | others | {f"{PREFIX}ALERT_CHANNELS"}
    assert [name for name, cells in rows.items() if not cells[2]] == []


def test_a_secret_may_stand_in_a_file_and_a_choice_is_named() -> None:
    rows = _rows()
    secret = {name for name, cells in rows.items() if cells[-1] == "yes"}
    assert secret >= {*secret_variables(Settings).values()}
    assert rows["MLRISK_EXCHANGE_MODE"][:2] == ["`paper`, `demo`, `testnet`, `live`", "`paper`"]
    assert rows["MLRISK_HOLDS_KEYS"][:2] == ["true or false", "`true`"]


def test_the_example_file_and_the_page_name_the_same_settings() -> None:
    example = set(
        re.findall(rf"^#({PREFIX}\w+?)(?:_FILE)?=", text_of(".env.example"), re.MULTILINE)
    )
    assert example <= _rows().keys()
