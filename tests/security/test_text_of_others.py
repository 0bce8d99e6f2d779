"""Text of others is data: every command, on rows and words that attack whoever reads them.

The commands are those of the parser, so that a new one is covered or fails here.
"""

import io
import json
import re
import threading
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from config.settings import load_settings
from console.cli import app, run
from console.commands.trading import submit
from console.output import stdout
from console.screen.loop import watch
from console.screen.source import ViewSource
from console.views.summary import print_summary
from models.database import Database
from models.enums import ExecutionStatus
from models.tables import ParentOrderRow, TradeRequestRow
from tests.support.desk import Desk
from tests.support.hostile import HOSTILE, LONG, MARK, STORABLE, TAG, spoil, spoiled
from tests.support.recycling import RecycledDatabases
from tests.support.services import PostgresServer
from workers.supervision.ports import free_port

pytestmark = [pytest.mark.services, pytest.mark.long]

STARTS_PROCESSES = {"up", "demo", "paper-exchange"}
"""They read no row; what they print comes from `screen` and from our own settings."""
OUR_STYLE = re.compile(r"\x1b\[[0-9;]*m")
THEIR_STYLE = "\x1b[38;5;201m"
OWN_MOVES = re.compile(r"\x1b\[(\?(25|1049)[hl]|[0-9;]*[mHA-D]|2?[JK])|\r")
"""What rich writes itself to a terminal that it draws on."""
REQUESTS = tuple(map(spoiled, ("r-4", "r-0", "r-2")))
SHOW_IT = {
    (*path.split(),)
    for path in (
        "breaker list", "config history", "doctor", "explain", "operator acts", "operator list",
        "order list", "parked list", "requests", "screen", "show", "status",
    )
}  # fmt: skip
"""Commands that must show some of it."""
Mlrisk = Callable[[list[str]], tuple[str, str]]
FIXED: dict[str, Any] = {
    "since": ["all", "1h", HOSTILE],
    "version_id": ["1", "2"],
    "before": ["1"],
    "after": ["2"],
    "alert_id": ["1", HOSTILE],
    "kind": ["daily_loss_limit", HOSTILE],
    "role": ["risk_officer", HOSTILE],
    "symbol": ["BTCUSDT", HOSTILE],
    "request_id": [*REQUESTS, HOSTILE, LONG],
    "order_link_id": [HOSTILE],
    "name": [HOSTILE, LONG],
    "assignments": [f"gate.{HOSTILE}={HOSTILE}", HOSTILE],
    "reason": [STORABLE, HOSTILE],
    "actor": [STORABLE],
}
"""What each required word of a command line is here; `{file}` is a file of hostile text."""


def commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command that does something, with the words that call it."""
    if not hasattr(command, "commands"):
        yield path, command
        return
    for name, inner in sorted(command.commands.items()):
        yield from commands(inner, (*path, name))


COMMANDS = dict(commands(typer.main.get_command(app)))
ALWAYS = {
    "screen": ["--once"],
    "submit": ["--timeout-seconds", "0.1"],
    "drill stress": ["--seconds", "1", "--patience-seconds", "1"],
}
"""So that they end."""
UNUSED = ("help", "home", "operator", "login_file")
"""The last two ask for a login, where no reader of rows comes in."""


def lines(path: tuple[str, ...], command: Any, files: list[str]) -> Iterator[list[str]]:
    """Command lines of one command: every required word in turn, then each option by itself."""
    required = [each for each in command.params if each.required]
    choices = [words(each, files) for each in required]
    base = [*path, *ALWAYS.get(" ".join(path), [])]
    first: list[str] = []
    for turn in range(max(map(len, choices), default=1)):
        given = [each[turn % len(each)] for each in choices]
        line = [*base, *placed(required, given)]
        first = first or line
        yield line
    free = [each for each in command.params if not each.required and each.name not in UNUSED]
    flags = [each.opts[0] for each in free if is_flag(each)]
    for chosen in (["--json"], [flag for flag in flags if flag != "--json"]):
        if set(chosen) & set(flags):
            yield [*first, *chosen]
    for each in free:
        if not is_flag(each):
            option = [] if each.param_type_name == "argument" else [each.opts[0]]
            for word in words(each, files[-1:]):
                yield [*first, *option, word]


def is_flag(param: Any) -> bool:
    return bool(getattr(param, "is_flag", False))


def placed(params: list[Any], given: list[str]) -> list[str]:
    """Options by their names, and what has none at the end: it may begin with a dash."""
    options: list[str] = []
    arguments: list[str] = []
    for each, word in zip(params, given, strict=True):
        if each.param_type_name == "argument":
            arguments.append(word)
        else:
            options += [each.opts[0], word]
    return [*options, *arguments]


def words(param: Any, files: list[str]) -> list[str]:
    return FIXED.get(param.name) or [*files, HOSTILE]


@pytest.fixture(scope="module")
def attacked(postgres: PostgresServer, migrated_template: str) -> RecycledDatabases:
    """Databases full of attacks."""
    url = postgres.create_database(template=migrated_template)
    db = Database(url, pool_size=2)
    desk = Desk(db)
    for number, side in enumerate(("buy", "up")):
        desk.approve(f"r-{number}", side=side, metadata={"strategy": "loud"})
    desk.send_due()
    desk.stream()
    predictions = {"feature_importance": {STORABLE[:64]: 0.6, "b": 0.4}}
    desk.approve_twap("r-2")
    desk.approve("r-3", side="sell", ml_predictions=predictions)
    desk.admission.accept(desk.request("r-4"))
    with db.transaction() as session:
        parked, aside = (
            session.get_one(TradeRequestRow, "r-4"),
            session.get_one(ParentOrderRow, "r-2"),
        )
        parked.status, parked.failure = ExecutionStatus.PARKED, "odd"
        aside.set_aside_at, aside.failure = desk.clock.now(), "odd"
    spoil(db)
    db.dispose()
    return RecycledDatabases(postgres, postgres.name_of(url))


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    """Files of hostile text: a request, text that is none, and one that isn't there."""
    request = {"request_id": HOSTILE, "symbol": LONG, HOSTILE: {HOSTILE: [HOSTILE]}}
    made = {
        "request.json": json.dumps(request),
        "text": STORABLE * 3,
        "gate.yaml": f"gate: {{a: '{TAG}'}}",
    }
    for name, content in made.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
    return [*(str(tmp_path / name) for name in made), str(tmp_path / f"{STORABLE}.json")]


@pytest.fixture
def mlrisk(
    attacked: RecycledDatabases,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> Iterator[Mlrisk]:
    """Runs a command line on a database of this test's own; Redis and the exchange are away."""
    url = attacked.take()
    monkeypatch.setenv("MLRISK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MLRISK_DATABASE_URL", url)
    monkeypatch.setenv("MLRISK_REDIS_URL", f"redis://127.0.0.1:{free_port()}/0")
    monkeypatch.setenv("MLRISK_EXCHANGE_URL", f"http://127.0.0.1:{free_port()}")

    def call(arguments: list[str]) -> tuple[str, str]:
        monkeypatch.setattr("sys.stdin", io.StringIO())
        capfd.readouterr()
        run(arguments)
        printed = capfd.readouterr()
        return printed.out, printed.err

    yield call
    attacked.give_back(url)


def wrong_in(printed: str) -> set[str]:
    """Characters that steer, reorder or hide, and markup that has acted."""
    found = {
        f"U+{ord(character):04X}"
        for character in printed
        if character not in "\n\t" and unicodedata.category(character) in ("Cc", "Cf", "Cs")
    }
    squeezed = "".join(printed.split())
    for mark in re.finditer(MARK, squeezed):
        if squeezed[: mark.start()][-len(TAG) :] != TAG:
            found.add(f"markup acts: {squeezed[max(0, mark.start() - 60) : mark.end()]}")
    return found


@pytest.mark.parametrize(
    "path", sorted(COMMANDS.keys() - {(name,) for name in STARTS_PROCESSES}), ids=" ".join
)
def test_no_text_of_others_acts_in_what_a_command_prints(
    path: tuple[str, ...],
    mlrisk: Mlrisk,
    files: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wrong, shown = {}, 0
    for line in lines(path, COMMANDS[path], files):
        out, err = mlrisk(line)
        shown += MARK in out
        if found := wrong_in(out) | wrong_in(err):
            wrong[tuple(line)] = found
    monkeypatch.setenv("FORCE_COLOR", "1")
    coloured, _ = mlrisk(next(lines(path, COMMANDS[path], files)))
    assert THEIR_STYLE not in coloured
    assert not wrong_in(OUR_STYLE.sub("", coloured))
    assert not wrong
    assert shown or path not in SHOW_IT, "the attack was not even shown: this proves nothing"


def test_the_live_screen_is_steered_by_nobody(
    mlrisk: Mlrisk, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a terminal, whose own moves are rich's, and as lines."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "150")
    monkeypatch.setenv("LINES", "50")
    for terminal in (True, False):
        source = ViewSource(load_settings(), {"flower": STORABLE})
        frames = iter([False, True])
        capfd.readouterr()
        try:
            watch(
                source,
                stop=threading.Event(),
                until=lambda frames=frames: next(frames),  # type: ignore[misc]
                terminal=terminal,
                note=lambda: STORABLE,
            )
        finally:
            source.close()
        printed = capfd.readouterr().out
        assert (MARK in printed) or not terminal
        assert not wrong_in(OWN_MOVES.sub("", printed))


def test_the_report_of_a_finite_run_and_a_submitted_request_are_data(
    capfd: pytest.CaptureFixture[str],
) -> None:
    counts = {STORABLE: 1}
    report = {
        "requests": 1,
        "decisions": {"allow": 0, "shrink": 0, "deny": 1, "by_reason": counts},
        "parents": counts,
        "child_orders": counts,
        "fills": 0,
        "notional_filled": STORABLE,
        "slippage_bps": None,
        "latency_ms": {"p50": None},
        "slice_lateness_ms": {"p50": None},
        "limits": {STORABLE: {"share": 0.5}},
        "alerts": [{"level": "warning", "count": 2, "text": STORABLE}],
        "memory_mb": {STORABLE: 1.0},
        "invariants": {STORABLE: "ok", "I1": [STORABLE]},
        "stopped_cleanly": False,
    }
    print_summary(stdout(), report)
    for verdict in (None, "deny"):
        submit.print_outcome(
            {
                "request_id": STORABLE,
                "status": STORABLE,
                "verdict": verdict,
                "approved_notional": STORABLE,
                "reasons": [STORABLE],
            }
        )
    printed = capfd.readouterr().out
    assert MARK in printed
    assert not wrong_in(printed)
