"""What a container and an operator see of the watchdog's process."""

import os
import time
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from workers import healthcheck
from workers.stop_event import StopEvent
from workers.watchdog import main
from workers.watchdog.venue import CancelOnlyVenue, VenueError


def test_the_health_check_sees_whether_it_looks(tmp_path: Path) -> None:
    journal = tmp_path / "watchdog.jsonl"
    assert healthcheck.main(["watchdog", str(journal)]) == 1
    alive = journal.with_suffix(".alive")
    main.touch(alive)
    assert healthcheck.main(["watchdog", str(journal)]) == 0
    old = time.time() - 3600
    os.utime(alive, (old, old))
    assert healthcheck.main(["watchdog", str(journal)]) == 1


def venue(*answers: list[str] | VenueError) -> CancelOnlyVenue:
    left = list(answers)

    def key_faults() -> list[str]:
        answer = left.pop(0)
        if isinstance(answer, VenueError):
            raise answer
        return answer

    return cast("CancelOnlyVenue", SimpleNamespace(key_faults=key_faults))


def test_an_unfit_key_ends_it_and_an_exchange_that_is_away_is_asked_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(main, "_KEY_WAIT_SECONDS", 0.0)
    main.check_key(venue(VenueError("away"), VenueError("away"), []), StopEvent())
    with pytest.raises(SystemExit, match="it may withdraw"):
        main.check_key(venue(["it may withdraw"]), StopEvent())
