"""Values, times and durations as a person writes them on the command line."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from config.loading import ConfigError
from config.settings import Settings
from console.errors import CommandError, ExitCode
from console.runtime.configuring import (
    configuration_errors,
    duration_of,
    moment_of,
    require_sound_configuration,
    values_of,
)

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def test_values_are_read_as_yaml_by_key() -> None:
    found = values_of(["gate.max_slices=7", " working.algorithm = auto", "a.b=[x, y]", "c.d=null"])
    assert found == {
        **{"gate.max_slices": 7, "working.algorithm": "auto"},
        **{"a.b": ["x", "y"], "c.d": None},
    }


@pytest.mark.parametrize(
    ("assignments", "words"),
    [
        (["gate.max_slices"], "is not KEY=VALUE"),
        (["=7"], "is not KEY=VALUE"),
        (["a=1", "a=2"], "given twice"),
        (["a=["], "can't be read"),
    ],
)
def test_what_is_no_assignment_is_refused(assignments: list[str], words: str) -> None:
    with pytest.raises(CommandError, match=words) as refused:
        values_of(assignments)
    assert refused.value.exit_code is ExitCode.USAGE


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("now", NOW),
        ("90m", NOW - timedelta(minutes=90)),
        ("1.5h", NOW - timedelta(minutes=90)),
        ("2026-11-20", datetime(2026, 11, 20, tzinfo=UTC)),
        ("2026-11-20T12:00+02:00", datetime(2026, 11, 20, 10, tzinfo=UTC)),
    ],
)
def test_a_moment_is_a_time_or_a_time_ago(text: str, moment: datetime) -> None:
    assert moment_of(text, NOW) == moment


@pytest.mark.parametrize("text", ["yesterday", "2026-11-20T12:00", "-5m", "5 m", ""])
def test_a_time_without_a_meaning_or_a_zone_is_refused(text: str) -> None:
    with pytest.raises(CommandError):
        moment_of(text, NOW)


def test_a_duration_has_one_unit() -> None:
    found = [duration_of(text).total_seconds() for text in ("30s", "15m", "1h", "7d")]
    assert found == [30, 900, 3600, 604_800]
    for wrong in ("7", "7w", "h", "1h30m"):
        with pytest.raises(CommandError, match="no duration"):
            duration_of(wrong)


def test_a_refused_configuration_names_every_problem(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="one\n  two"), configuration_errors():
        raise ConfigError(["one", "two"])
    file = tmp_path / "limits.yaml"
    file.write_text("base: {gatte: {}}", encoding="utf-8")
    with pytest.raises(CommandError, match="gatte"):
        require_sound_configuration(Settings(config_path=file))
    require_sound_configuration(Settings())
