"""Every test of a fault ends without faults and pardoned."""

from collections.abc import Iterator

import pytest

from tests.conformance.paper_exchange.server.faults.asking import Api


@pytest.fixture(autouse=True)
def pardon(paper_exchange: Api) -> Iterator[None]:
    yield
    paper_exchange.clear_faults()
    paper_exchange.control("POST", "actions/pardon")
