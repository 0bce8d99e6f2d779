"""A pytest plugin: the fixture `paper_exchange`, and its options on the command line and in ini.

An installed paper exchange is found by pytest on its own. From a checkout, a `conftest.py` imports
the fixture from `paper_exchange.testing`.
"""

import shlex
from collections.abc import Iterator

import pytest

from paper_exchange.process import PaperExchangeProcess

UNLIMITED = ("--order-rate", "0", "--read-rate", "0", "--ip-rate", "0")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds `--paper-market` and `--paper-arguments`, and the ini options of the same names."""
    group = parser.getgroup("paper exchange")
    for name, about in (
        ("market", "market of the paper exchange; default: synthetic"),
        ("arguments", "further arguments of the paper exchange's command line, as one text"),
    ):
        group.addoption(f"--paper-{name}", help=about)
        parser.addini(f"paper_{name}", about)


def arguments_of(config: pytest.Config) -> tuple[str, ...]:
    """The command line of the fixture's server.

    The fixture has no request limits and serves `/control`. An option of the command line wins
    over one in the ini file.
    """
    market = _chosen(config, "market") or "synthetic"
    more = shlex.split(_chosen(config, "arguments"))
    return ("--market", market, "--control", *UNLIMITED, *more)


def _chosen(config: pytest.Config, name: str) -> str:
    """An option's value. It is empty without one, and where the plugin is not loaded."""
    given = config.getoption(f"--paper-{name}", default=None)
    if given is not None:
        return str(given)
    try:
        return str(config.getini(f"paper_{name}") or "")
    except ValueError:
        return ""


@pytest.fixture(scope="session")
def paper_exchange(request: pytest.FixtureRequest) -> Iterator[PaperExchangeProcess]:
    """A running paper exchange for the whole session, with the control API on."""
    with PaperExchangeProcess(*arguments_of(request.config)) as exchange:
        yield exchange
