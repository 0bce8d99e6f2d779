"""Addresses with a login in them: a password of any characters works, and none is ever shown.

A password that was written into a URL as it is means what it says. Left alone, the part of it
behind an `@` would be taken for the host, and stand in the error that this host is not found.
"""

from urllib.parse import quote, unquote, urlsplit


def encoded(url: str) -> str:
    """The URL with user and password percent-encoded; a `%` that encodes something stays so.

    Raises ValueError, without the URL, when it is none.
    """
    scheme, separator, rest = url.partition("://")
    if not separator or not scheme:
        raise ValueError("must be a URL, with :// in it")
    login, at, place = rest.rpartition("@")
    if at:
        user, colon, password = login.partition(":")
        rest = f"{_encoded(user)}{colon}{_encoded(password)}@{place}"
    whole = f"{scheme}://{rest}"
    if not _has_readable_port(whole):
        raise ValueError("has no readable host and port")
    return whole


def _has_readable_port(url: str) -> bool:
    try:
        return urlsplit(url).port != 0
    except ValueError:  # its text quotes what should have been a port, and may be a password
        return False


def _encoded(text: str) -> str:
    return quote(unquote(text), safe="")
