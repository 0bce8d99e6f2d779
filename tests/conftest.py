"""Makes the servers of `tests/support/services.py` available to every test as fixtures."""

pytest_plugins = [
    "tests.support.services",
    "tests.support.schema",
    "tests.support.desk",
]
