"""A process that hands messages to one channel: `python -m workers.alerting.courier`.

It reads lines of JSON from its standard input, the channel's address first, and answers each with
one line. Its parent ends it when it takes too long, whatever the channel's server does. It ends by
itself when its parent is gone.
"""

import json
import logging
import os
import queue
import sys
import threading
from typing import Any

READY, DELIVERED = "ready", "delivered"
NOT_INSTALLED = "apprise is not installed (the extra `alerts` of mlrisk)"
NOT_UNDERSTOOD = "apprise does not understand the channel's address"
NOT_TAKEN = "the channel did not take the message"


def read_lines(lines: "queue.SimpleQueue[str]") -> None:
    """Hands on each line of the standard input. The process ends with its parent's end of it, even
    while a channel's server keeps it waiting."""
    for line in sys.stdin:
        lines.put(line)
    os._exit(0)


def channel_of(url: str) -> Any:
    """The channel of an address. Raises LookupError with a text that shows nothing of it."""
    try:
        import apprise
    except ImportError:
        raise LookupError(NOT_INSTALLED) from None
    asset = apprise.AppriseAsset(
        app_id="mlrisk", app_desc="mlrisk", app_url="", plugin_paths=[], async_mode=False
    )
    channel = apprise.Apprise(asset=asset)
    if not channel.add(url):
        raise LookupError(NOT_UNDERSTOOD)
    return channel


def hand_over(channel: Any, message: dict[str, str]) -> str:
    """Hands one message to the channel; returns the answer for the parent."""
    import apprise

    taken = channel.notify(
        title=message["title"],
        body=message["body"],
        notify_type=apprise.NotifyType(message["type"]),
        # The text of others stays text, also where the channel takes HTML.
        body_format=apprise.NotifyFormat.TEXT,
        interpret_escapes=False,
    )
    return DELIVERED if taken else NOT_TAKEN


def serve(lines: "queue.SimpleQueue[str]") -> None:
    """Opens the channel and serves messages until the process is ended."""
    try:
        channel = channel_of(json.loads(lines.get())["url"])
    except LookupError as problem:
        _answer(str(problem))
        return
    _answer(READY)
    while True:
        message = json.loads(lines.get())
        try:
            answer = hand_over(channel, message)
        except Exception as error:  # noqa: BLE001 - a plugin may raise anything; its text may quote the address
            answer = f"{NOT_TAKEN} ({type(error).__name__})"
        _answer(answer)


def _answer(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main() -> None:
    """Serves the channel of the first line."""
    # What apprise logs may quote addresses and answers of servers.
    logging.disable(logging.CRITICAL)
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=read_lines, args=(lines,), daemon=True).start()
    serve(lines)


if __name__ == "__main__":
    main()
