"""The paper exchange gets the keys of its account by files that nobody else can read."""

import json
from pathlib import Path

from workers.home import Home
from workers.supervision.programs.options import Options
from workers.supervision.programs.servers import (
    accounts_file,
    paper_exchange_process,
    paper_key_files,
    server_processes,
    watchdog_key_files,
)


def test_the_account_has_our_key_and_the_watchdogs(home: Home) -> None:
    files = {**paper_key_files(home), **watchdog_key_files(home)}
    secrets = {name: Path(path).read_text(encoding="utf-8") for name, path in files.items()}
    (account,) = json.loads(accounts_file(home).read_text(encoding="utf-8"))
    own, watchdog = account["keys"]
    assert own["key"] == secrets["MLRISK_API_KEY_FILE"]
    assert watchdog["key"] == secrets["MLRISK_WATCHDOG_API_KEY_FILE"]
    assert len(set(secrets.values())) == 4
    assert accounts_file(home).stat().st_mode & 0o077 == 0


def test_keys_of_ones_own_leave_the_homes_accounts_alone(home: Home) -> None:
    given = Options(keys={"MLRISK_API_KEY": "k", "MLRISK_API_SECRET": "s"}, symbols=("ETHUSDT",))
    command = paper_exchange_process(home, given, 8099).command
    assert "--accounts" not in command
    assert command[command.index("--symbols") + 1] == "ETHUSDT"
    assert "--accounts" in paper_exchange_process(home, Options(), 8099).command


def test_servers_with_a_given_address_are_not_started() -> None:
    assert server_processes(None, None) == []
