"""What a command looks back on begins that long ago, and is shown for people or as JSON."""

import json
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr
from rich.console import Console

from config.settings import Settings
from console import since
from console.errors import CommandError

NOTHING: Any = None


@pytest.fixture(autouse=True)
def database(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(database_url=SecretStr("postgresql+psycopg://a:b@host/c"))
    monkeypatch.setattr(since, "settings_of", lambda _ctx, _home: settings)
    monkeypatch.setattr(since, "reading", lambda _url: nullcontext())


def facts_since(_session: Any, start: datetime) -> dict[str, Any]:
    return {"start": start}


def show(out: Console, facts: dict[str, Any]) -> None:
    out.print(f"since {facts['start']:%Y}")


@pytest.mark.parametrize("as_json", [True, False])
def test_facts_begin_that_long_ago(capsys: pytest.CaptureFixture[str], as_json: bool) -> None:
    before = datetime.now(UTC) - timedelta(hours=1)
    since.show_since(NOTHING, None, "1h", facts_since, show, as_json=as_json)
    after = datetime.now(UTC) - timedelta(hours=1)
    printed = capsys.readouterr().out
    if as_json:
        start = datetime.fromisoformat(json.loads(printed)["start"])
        assert before - timedelta(seconds=1) <= start <= after + timedelta(seconds=1)
    else:
        assert printed.strip() in {f"since {before:%Y}", f"since {after:%Y}"}


def test_what_is_no_duration_is_refused() -> None:
    with pytest.raises(CommandError, match="no duration"):
        since.show_since(NOTHING, None, "a while", facts_since, show, as_json=False)
