"""The beat schedule names tasks that exist and lets no tick outlive the next."""

import importlib

import celery
import pytest

from workers.schedule import beat_schedule


@pytest.mark.parametrize("name", sorted(beat_schedule()))
def test_every_entry_names_a_task_and_expires_before_its_next_tick(name: str) -> None:
    entry = beat_schedule()[name]
    module = importlib.import_module(entry["task"].rpartition(".")[0])
    found = getattr(module, entry["task"].rpartition(".")[2])
    assert isinstance(found, celery.Task) or found.name == entry["task"]
    assert entry["options"]["expires"] <= entry["schedule"].total_seconds()


def test_the_impact_is_re_fitted_more_often_than_it_acts() -> None:
    assert beat_schedule()["refit-impact"]["schedule"].total_seconds() < 86_400
