"""supervisord's configuration and calls."""

import configparser
from pathlib import Path

import pytest

from workers.home import Home
from workers.supervision.launches import ProcessSpec
from workers.supervision.supervisord import (
    SupervisorCallError,
    call,
    configuration,
    group_name,
    stage_of,
)


def _parsed(home: Home, specs: list[ProcessSpec]) -> configparser.ConfigParser:
    parser = configparser.ConfigParser()  # undoes the doubling of %, as supervisord does
    parser.read_string(configuration(home, home.run / "supervisor.sock", specs))
    return parser


def test_no_command_environment_or_secret_is_in_it(tmp_path: Path) -> None:
    spec = ProcessSpec("worker", ["run", "--token=visible"], env={"TOKEN": "a-secret"})
    text = configuration(Home(tmp_path), tmp_path / "sock", [spec])
    assert "visible" not in text
    assert "a-secret" not in text


def test_stages_become_groups_in_order(tmp_path: Path) -> None:
    specs = [
        ProcessSpec("postgres", ["p"], stop_signal="INT", stop_wait_seconds=20),
        ProcessSpec("redis", ["r"], autorestart=False),
        ProcessSpec("worker", ["w"], stage=1),
    ]
    parser = _parsed(Home(tmp_path), specs)
    assert dict(parser["group:stage0"]) == {"programs": "postgres,redis", "priority": "0"}
    assert dict(parser["group:stage1"]) == {"programs": "worker", "priority": "1"}
    assert stage_of(group_name(12)) == 12
    assert parser["program:postgres"]["stopsignal"] == "INT"
    assert int(parser["program:postgres"]["stopwaitsecs"]) > 20
    assert parser["program:redis"]["autorestart"] == "false"


def test_a_percent_sign_in_the_homes_path_is_kept(tmp_path: Path) -> None:
    home = Home(tmp_path / "100% sure")
    parser = _parsed(home, [ProcessSpec("worker", ["w"])])
    assert parser["unix_http_server"]["file"] == str(home.run / "supervisor.sock")
    assert f"'{home.run}/processes/worker.launch.json'" in parser["program:worker"]["command"]


def test_a_silent_supervisord_is_a_call_error(tmp_path: Path) -> None:
    with pytest.raises(SupervisorCallError, match="did not answer getState"):
        call(tmp_path / "nobody.sock", "getState")
