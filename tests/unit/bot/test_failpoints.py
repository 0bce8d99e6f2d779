"""A failpoint strikes where and as often as it is armed to, and nowhere else."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot import failpoints
from bot.failpoints import AFTER_POST, BEFORE_POST, NAMES, arm, hit

Strikes = list[signal.Signals]


@pytest.fixture
def strikes(monkeypatch: pytest.MonkeyPatch) -> Iterator[Strikes]:
    """The signals that this process would have sent to itself."""
    sent: Strikes = []
    monkeypatch.setattr(failpoints.os, "kill", lambda _, number: sent.append(number))
    yield sent
    arm(None)


def test_nothing_strikes_while_nothing_is_armed(strikes: Strikes) -> None:
    for name in NAMES:
        hit(name)
    assert strikes == []


def test_only_the_armed_point_strikes_and_at_every_visit(strikes: Strikes) -> None:
    arm(AFTER_POST)
    for name in NAMES:
        hit(name)
    hit(AFTER_POST, "twap")
    assert strikes == [signal.SIGKILL, signal.SIGKILL]


def test_disarmed_it_strikes_no_more(strikes: Strikes) -> None:
    arm(AFTER_POST)
    arm(None)
    hit(AFTER_POST)
    assert strikes == []


def test_with_a_marker_file_it_strikes_once_over_restarts(strikes: Strikes, tmp_path: Path) -> None:
    marker = tmp_path / "died"
    for _ in range(2):
        arm(f"{AFTER_POST}@{marker}")
        hit(AFTER_POST, "twap")
        hit(AFTER_POST, "pov")
    assert strikes == [signal.SIGKILL]
    assert marker.exists()


def test_with_a_marker_directory_it_strikes_once_for_each_subject(
    strikes: Strikes, tmp_path: Path
) -> None:
    for _ in range(2):
        arm(f"{AFTER_POST}@{tmp_path}/")
        for subject in ("twap", "pov", "twap"):
            hit(AFTER_POST, subject)
    assert strikes == [signal.SIGKILL, signal.SIGKILL]
    assert {path.name for path in tmp_path.iterdir()} == {"twap", "pov"}


def test_what_has_no_subject_is_spared_by_a_marker_directory(
    strikes: Strikes, tmp_path: Path
) -> None:
    arm(f"{AFTER_POST}@{tmp_path}/")
    hit(AFTER_POST)
    assert strikes == []


def test_stop_freezes_instead_of_killing(strikes: Strikes, tmp_path: Path) -> None:
    arm(f"stop:{BEFORE_POST}@{tmp_path / 'frozen'}")
    hit(AFTER_POST)
    hit(BEFORE_POST)
    hit(BEFORE_POST)
    assert strikes == [signal.SIGSTOP]


@pytest.mark.parametrize("specification", ["", "nowhere", "stop:", "stop:nowhere@file", "@file"])
def test_an_unknown_point_is_refused_by_name(specification: str) -> None:
    with pytest.raises(ValueError, match="unknown failpoint"):
        arm(specification)


def test_a_marker_that_cant_be_made_is_an_error_not_a_silence(
    strikes: Strikes, tmp_path: Path
) -> None:
    arm(f"{AFTER_POST}@{tmp_path / 'missing'}/")
    with pytest.raises(FileNotFoundError):
        hit(AFTER_POST, "twap")
    assert strikes == []
