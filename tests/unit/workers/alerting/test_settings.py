"""The file of channels: what it may say, and errors that show nothing of it."""

from pathlib import Path

import pytest

from config.settings import SettingsError, load_settings, settings_for_children
from models.enums import AlertLevel
from workers.alerting.settings import channels_of, load_channels

FILE = """
# the desk
desk warning mailtos://user:s3cret@mail.example/?to=desk@example.org

pager emergency  json://pager.example/hook
"""


def test_a_line_is_a_channel() -> None:
    desk, pager = channels_of(FILE)
    assert (desk.channel.name, desk.channel.min_level) == ("desk", AlertLevel.WARNING)
    assert (desk.service, pager.service) == ("mailtos", "json")
    assert "s3cret" not in repr(desk)
    assert channels_of("# nobody\n") == ()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("desk json://s3cret@host", "not a name, a level and an address"),
        ("Desk! info json://s3cret@host", "a name that is not of"),
        ("desk loud json://s3cret@host", "a level that is none of"),
        ("desk info s3cret", "without a scheme"),
        ("desk info http://[s3cret", "without a scheme"),
    ],
)
def test_a_wrong_line_is_named_by_its_number_and_not_shown(line: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said) as refused:
        channels_of("# one\n" + line)
    assert "line 2" in str(refused.value)
    assert "s3cret" not in str(refused.value)


def test_a_name_stands_once_and_the_number_of_channels_is_bounded() -> None:
    with pytest.raises(SettingsError, match="names a channel again"):
        channels_of("a info json://x\na info json://y")
    many = "\n".join(f"c{number} info json://x" for number in range(17))
    with pytest.raises(SettingsError, match="more than 16"):
        channels_of(many)


def test_the_environment_names_the_file_and_no_other_process_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert load_channels() == ()
    file = tmp_path / "channels"
    file.write_text(FILE, encoding="utf-8")
    monkeypatch.setenv("MLRISK_ALERT_CHANNELS_FILE", str(file))
    assert len(load_channels()) == 2
    # Other processes know the name of the setting, and not what it says.
    assert "s3cret" not in repr(load_settings(tmp_path))
    given = settings_for_children()
    assert given.alerting == {"MLRISK_ALERT_CHANNELS_FILE": str(file)}
    assert "ALERT" not in str((given.shared, given.keys, given.watchdog))
