"""A home is found without a user's directory too."""

from pathlib import Path

import platformdirs
import pytest

from config.homes import MACHINES_HOME, default_home, expanded
from config.settings import SettingsError

pytestmark = pytest.mark.usefixtures("home")


def test_a_user_without_a_directory_has_the_machines_home(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> str:
        raise RuntimeError("could not determine the home directory")

    monkeypatch.delenv("MLRISK_HOME", raising=False)
    monkeypatch.setattr(platformdirs, "user_state_dir", unknown)
    monkeypatch.setattr(Path, "expanduser", unknown)
    assert default_home() == MACHINES_HOME
    with pytest.raises(SettingsError, match=r"give an absolute path"):
        expanded(Path("~/state"))
