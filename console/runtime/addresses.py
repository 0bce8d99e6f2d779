"""The addresses that a person may open, without their secrets."""

from collections.abc import Mapping
from urllib.parse import urlsplit, urlunsplit

from config.settings import Settings
from workers.supervision.programs.consoles import WEB, has_web

CONSOLE = "console"
"""The browser console's name among the addresses."""


def public_url(url: str) -> str:
    """The URL without user and password."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    netloc = f"{host}:{parts.port}" if parts.port else host
    return urlunsplit((parts.scheme, netloc, parts.path, "", ""))


def addresses(settings: Settings, ports: Mapping[str, int]) -> dict[str, str]:
    """The browser console, Flower, the metrics and the paper exchange, where they run."""
    found: dict[str, str] = {}
    if WEB in ports and has_web():
        found[CONSOLE] = f"http://127.0.0.1:{ports[WEB]}"
    if "flower" in ports:
        found["Flower"] = f"http://127.0.0.1:{ports['flower']}"
    if "exporter" in ports:
        found["metrics"] = f"http://127.0.0.1:{ports['exporter']}/metrics"
    if settings.exchange_url is not None:
        found["exchange"] = public_url(settings.exchange_url)
    return found
