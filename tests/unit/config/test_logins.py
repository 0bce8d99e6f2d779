"""Logins in addresses: any password works, and none is shown."""

import pytest

from config.logins import encoded


@pytest.mark.parametrize(
    ("url", "meant"),
    [
        ("redis://:p@ss/w:rd@h:6379/0", "redis://:p%40ss%2Fw%3Ard@h:6379/0"),
        ("redis://:100%@h:6379", "redis://:100%25@h:6379"),
        ("redis://:p%40ss@h:6379", "redis://:p%40ss@h:6379"),
        ("redis://h:6379/0", "redis://h:6379/0"),
        ("postgresql+psycopg://u:a?b#c@h/db", "postgresql+psycopg://u:a%3Fb%23c@h/db"),
        ("postgresql+psycopg:///db?host=/run", "postgresql+psycopg:///db?host=/run"),
    ],
)
def test_what_was_meant_is_what_is_read(url: str, meant: str) -> None:
    assert encoded(url) == meant
    assert encoded(meant) == meant


@pytest.mark.parametrize("url", ["hidden", "://hidden", "redis://:hidden", "redis://h:hidden/0"])
def test_what_is_no_url_is_refused_unseen(url: str) -> None:
    with pytest.raises(ValueError, match=r"URL|host and port") as caught:
        encoded(url)
    assert "hidden" not in str(caught.value)
