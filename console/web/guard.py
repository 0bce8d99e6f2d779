"""The guard of every request: which host it names, where it comes from, how long it is, and the
headers of each answer.

Forms of the pages count by their origin. The REST interface counts by tokens, which no browser adds
by itself; it refuses other sites' pages all the same.
"""

from collections.abc import Iterable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from console.api import problems
from console.api.problems import Problem

CONTENT_SECURITY = "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
HEADERS = {
    "content-security-policy": CONTENT_SECURITY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    # `no-referrer` would make browsers hide the origin of our own forms.
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
    "cache-control": "no-store",
}
"""The headers of every answer."""
HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})
"""The names of this machine. Another name is somebody's who points it at us (DNS rebinding)."""
LONGEST_BODY = 16_384
"""Bytes. Our longest form has far fewer."""
API = "/api"
"""The path below which programs are answered."""
_SAFE = frozenset({"GET", "HEAD"})
_ALLOWED = _SAFE | {"POST"}


class Guard:
    """The outermost layer of the application."""

    def __init__(self, app: ASGIApp, hosts: Iterable[str] = HOSTS) -> None:
        self._app = app
        self._hosts = frozenset(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            raise RuntimeError(f"{scope['type']} is no kind of request that this console takes")

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = _merged(message.get("headers", ()))
            await send(message)

        refused = self._refused(scope)
        if refused is not None:
            await refused(scope, receive, with_headers)
            return
        await self._app(scope, receive, with_headers)

    def _refused(self, scope: Scope) -> Response | None:
        """The answer to a request that goes no further; None for a sound one."""
        headers = _headers(scope)
        if is_for_programs(scope["path"]):
            problem = self._problem(headers)
            return None if problem is None else problem.answer()
        refused = self._refusal(scope["method"], headers)
        if refused is None:
            return None
        status, words = refused
        return PlainTextResponse(words + "\n", status)

    def _problem(self, headers: MutableMapping[str, str]) -> Problem | None:
        """What is wrong with a program's call before its token is looked at."""
        host = headers.get("host", "")
        if _name_of(f"http://{host}") not in self._hosts:
            return Problem(problems.WRONG_HOST, "name this machine itself in the address")
        site, origin = headers.get("sec-fetch-site"), headers.get("origin")
        own = (f"http://{host}", f"https://{host}")
        if site in ("cross-site", "same-site") or (origin is not None and origin not in own):
            return Problem(problems.FOREIGN_PAGE, "a page of another site sends this")
        return None

    def _refusal(self, method: str, headers: MutableMapping[str, str]) -> tuple[int, str] | None:
        """The status and the words for a request that goes no further; None for a sound one."""
        host = headers.get("host", "")
        if _name_of(f"http://{host}") not in self._hosts:
            return 421, "this console answers to the names of its own machine alone"
        if method not in _ALLOWED:
            return 405, "only GET and POST are known here"
        site = headers.get("sec-fetch-site")
        if method in _SAFE:
            navigates = headers.get("sec-fetch-mode") == "navigate"
            if site == "cross-site" and not navigates:
                return 403, "another site may not read this console"
            return None
        if not _is_own(headers, host, site):
            return 403, "this form does not come from a page of this console"
        length = headers.get("content-length", "")
        if not length.isascii() or not length.isdigit() or int(length) > LONGEST_BODY:
            return 413, f"a form has a stated length of at most {LONGEST_BODY} bytes"
        return None


def is_for_programs(path: str) -> bool:
    """Whether a path is the REST interface's, or would be."""
    return path == API or path.startswith(API + "/")


def _is_own(headers: MutableMapping[str, str], host: str, site: str | None) -> bool:
    """Whether a browser says that one of our pages sends this. Without its word it is not ours."""
    if site is not None and site != "same-origin":
        return False
    origin = headers.get("origin")
    if origin is None:
        return site == "same-origin"
    return origin in (f"http://{host}", f"https://{host}")


def _name_of(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def _headers(scope: Scope) -> dict[str, str]:
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}


def _merged(own: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    said: list[Any] = [
        (name, value) for name, value in own if name.decode("latin-1").lower() not in HEADERS
    ]
    return [*said, *((name.encode(), value.encode()) for name, value in HEADERS.items())]
