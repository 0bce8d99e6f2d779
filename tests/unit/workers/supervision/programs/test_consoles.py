"""People log into what they look at, and no login is on a command line."""

from workers.home import Home
from workers.supervision.programs.consoles import flower_login, flower_process, has_web


def test_flower_asks_for_a_login_that_no_user_of_the_machine_can_read(home: Home) -> None:
    user, password = flower_login(home)
    spec = flower_process(home, 5555, {"MLRISK_ACCOUNT": "main"})
    assert spec.env["FLOWER_BASIC_AUTH"] == f"{user}:{password}"
    assert spec.env["MLRISK_ACCOUNT"] == "main"
    assert not any(password in word for word in spec.command)
    assert flower_login(home) == (user, password)


def test_the_packages_of_the_browser_console_are_installed_here() -> None:
    assert has_web()
