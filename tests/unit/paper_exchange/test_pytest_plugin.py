"""The plugin's options become the arguments of its server."""

import pytest

from paper_exchange.pytest_plugin import UNLIMITED, arguments_of


def test_without_options_the_market_is_synthetic(pytestconfig: pytest.Config) -> None:
    # This suite does not load the plugin: the options are unknown here.
    assert arguments_of(pytestconfig) == ("--market", "synthetic", "--control", *UNLIMITED)


class Given:
    """What pytest hands to the fixture."""

    def __init__(self, options: dict[str, str], ini: dict[str, str]) -> None:
        self._options, self._ini = options, ini

    def getoption(self, name: str, default: str | None = None) -> str | None:
        return self._options.get(name, default)

    def getini(self, name: str) -> str:
        return self._ini[name]


def test_options_win_over_the_ini_file_and_are_split_like_a_shell_does() -> None:
    ini = {"paper_market": "bybit", "paper_arguments": "--speed 2"}
    options = {"--paper-arguments": "--symbols 'A,B' --seed 7"}
    given = Given(options, ini)
    assert arguments_of(given) == (  # type: ignore[arg-type]
        *("--market", "bybit", "--control", *UNLIMITED),
        *("--symbols", "A,B", "--seed", "7"),
    )
