"""`mlrisk order forget` on a real database: what it prints, what it changes, what it refuses."""

import io
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from bot.account.lost_orders import LONGEST_LAG, LOOKS
from console.cli import run
from console.errors import ExitCode
from models.enums import ChildState
from models.tables import AuditRow, ChildOrderRow
from tests.support.desk import Desk

pytestmark = pytest.mark.services

PASSIVE = {
    "position_size": "3000",
    "algorithm": "passive",
    "horizon_seconds": 600,
    "cross_margin_seconds": 20,
}
Forget = Callable[..., tuple[int, str, str]]
"""Runs the command: its exit status, its output and its errors, each on one line."""


@pytest.fixture
def link(desk: Desk) -> str:
    """The id of an order that the exchange took and knows no more."""
    desk.approve(signal_data=PASSIVE)
    desk.step()
    link = desk.child().order_link_id
    del desk.exchange.orders[link]
    return link


@pytest.fixture
def forget(
    desk: Desk,
    migrated_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Forget:
    monkeypatch.setenv("MLRISK_HOME", str(tmp_path))
    monkeypatch.setenv("MLRISK_DATABASE_URL", migrated_url)
    monkeypatch.setattr("bot.exchange.factory.make_exchange", lambda *_: desk.exchange)

    def call(*arguments: str, typed: str = "") -> tuple[int, str, str]:
        monkeypatch.setattr("sys.stdin", io.StringIO(typed))
        capsys.readouterr()
        status = run(["order", "forget", *arguments, "--actor", "ann"])
        printed = capsys.readouterr()
        return status, " ".join(printed.out.split()), " ".join(printed.err.split())

    return call


def look_in_vain(desk: Desk) -> None:
    """As the sweep has done over minutes; the command goes by the wall clock."""
    since = datetime.now(UTC) - LONGEST_LAG - timedelta(minutes=1)
    with desk.db.transaction() as session:
        session.execute(update(ChildOrderRow).values(absences=LOOKS, absent_since=since))


def recorded(desk: Desk) -> AuditRow:
    with desk.db.reading() as session:
        return session.scalars(select(AuditRow).where(AuditRow.kind == "order_lost")).one()


def test_with_proof_it_says_in_a_line_that_the_order_is_lost(
    desk: Desk, link: str, forget: Forget
) -> None:
    look_in_vain(desk)
    status, out, err = forget(link, "--reason", "gone since noon")
    assert (status, out, err) == (ExitCode.OK, f"{link} LOST: its quantity is released", "")
    assert desk.child().state == ChildState.LOST
    assert desk.reservation().open_qty == 0
    entry = recorded(desk)
    assert entry.actor.endswith("(note: ann)")
    assert (entry.payload["reason"], entry.payload["forced"]) == ("gone since noon", False)
    desk.check_balance()


def test_with_json_it_prints_one_object(desk: Desk, link: str, forget: Forget) -> None:
    look_in_vain(desk)
    status, out, err = forget(link, "--reason", "gone", "--json")
    assert (status, err) == (ExitCode.OK, "")
    assert json.loads(out) == {"order_link_id": link, "state": "lost", "forced": False}


def test_without_proof_it_says_what_is_missing_and_changes_nothing(
    desk: Desk, link: str, forget: Forget
) -> None:
    for format_ in ((), ("--json",)):
        status, out, err = forget(link, "--reason", "gone", *format_)
        assert (status, out) == (ExitCode.FAILED, "")
        assert f"its absence is not proven yet: 0 of {LOOKS} look-ups found nothing" in err
    assert desk.child().state == ChildState.ACKED
    assert desk.exchange.cancel_requests == []
    assert desk.reservation().open_qty > 0


def test_an_order_that_the_exchange_does_know_is_not_forgotten(desk: Desk, forget: Forget) -> None:
    desk.approve(signal_data=PASSIVE)
    desk.step()
    look_in_vain(desk)
    # The book has it, and goes on having it after the cancel that asks for the proof.
    desk.exchange.cancel = lambda *_: None  # type: ignore[method-assign]
    status, _, err = forget(desk.child().order_link_id, "--reason", "gone")
    assert status == ExitCode.FAILED
    assert "the exchange knows the order" in err
    assert desk.child().state == ChildState.ACKED


def test_what_is_unknown_ended_or_without_a_reason_is_named(
    desk: Desk, link: str, forget: Forget
) -> None:
    status, _, err = forget("mr-NOBODY", "--reason", "gone")
    assert status == ExitCode.FAILED
    assert "no order 'mr-NOBODY' is known" in err
    status, _, err = forget(link, "--reason", "  ")
    assert status == ExitCode.FAILED
    assert "a reason is needed" in err
    assert forget(link)[0] == ExitCode.USAGE
    look_in_vain(desk)
    assert forget(link, "--reason", "gone")[0] == ExitCode.OK
    status, _, err = forget(link, "--reason", "gone")
    assert status == ExitCode.FAILED
    assert f"order '{link}' is lost" in err


def test_force_asks_for_the_id_to_be_typed_again(desk: Desk, link: str, forget: Forget) -> None:
    force = (link, "--reason", "support says so", "--force")
    status, _, err = forget(*force, typed="yes\n")
    assert status == ExitCode.USAGE
    assert "that is another id; nothing was done" in err
    assert forget(*force)[0] != ExitCode.OK  # nobody is there to type
    assert desk.child().state == ChildState.ACKED
    status, out, _ = forget(*force, typed=f"{link}\n")
    assert status == ExitCode.OK
    assert out == f"{link} LOST: its quantity is released"
    assert recorded(desk).payload["forced"] is True
    assert desk.exchange.cancel_requests == [link]


def test_force_with_json_keeps_its_question_off_the_output(
    desk: Desk, link: str, forget: Forget
) -> None:
    status, out, err = forget(link, "--reason", "x", "--force", "--json", typed=f"{link}\n")
    assert status == ExitCode.OK
    assert json.loads(out) == {"order_link_id": link, "state": "lost", "forced": True}
    assert "Type the order's id" in err
