"""Addresses with a login: a password of any characters works, and none is ever shown.

A password may stand unencoded in a URL. Without encoding, its part behind an `@` would be taken for
the host, and the error about the unknown host would show it.
"""

from urllib.parse import quote, unquote, urlsplit


def encoded(url: str) -> str:
    """The URL with user and password percent-encoded. Characters that are encoded already stay so.

    Raises ValueError for a text that is no URL. The error doesn't show the text.
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
    except ValueError:  # its text quotes the wrong port, which may be part of a password
        return False


def _encoded(text: str) -> str:
    return quote(unquote(text), safe="")
