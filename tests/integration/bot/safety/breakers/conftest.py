"""What the tests of the breakers share."""

import pytest

from tests.support.breakers import Watch
from tests.support.desk import Desk


@pytest.fixture
def watch(desk: Desk) -> Watch:
    """An evaluator whose account has 100,000 USDT."""
    watch = Watch(desk)
    watch.equity("100000")
    return watch
