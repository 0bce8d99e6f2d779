"""The far end of alert channels: a webhook and a mail server on this machine."""

import json
import threading
from collections.abc import Callable
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message as MessageHandler


class Webhook:
    """Takes messages as JSON. `before` is called with each before it is answered."""

    def __init__(self) -> None:
        self.got: list[dict[str, Any]] = []
        self.status = 200
        self.before: Callable[[], object] = lambda: None
        self.released = threading.Event()
        """An answer waits for it while `hangs` is set."""
        self.hangs = False
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                hook.got.append(json.loads(body))
                hook.before()
                if hook.hangs:
                    hook.released.wait(120)
                self.send_response(hook.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Says nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Its address as apprise reads it, with a secret in it."""
        return f"json://hook:s3cret@127.0.0.1:{self._server.server_port}/told"

    @property
    def titles(self) -> list[str]:
        """The titles of the messages that came."""
        return [str(message["title"]) for message in self.got]

    def close(self) -> None:
        """Stops listening."""
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Box(MessageHandler):
    def __init__(self) -> None:
        super().__init__()
        self.got: list[Message] = []

    def handle_message(self, message: Message) -> None:
        """Keeps the mail."""
        self.got.append(message)


class Mail:
    """A mail server that keeps what it takes."""

    def __init__(self, port: int) -> None:
        self._box = _Box()
        self.port = port
        self._controller = Controller(self._box, hostname="127.0.0.1", port=port)
        self._controller.start()

    @property
    def got(self) -> list[Message]:
        """The mails that came."""
        return self._box.got

    @property
    def url(self) -> str:
        """Its address as apprise reads it."""
        return f"mailto://127.0.0.1:{self.port}/?from=mlrisk@example.org&to=desk@example.org"

    def close(self) -> None:
        """Stops listening."""
        self._controller.stop()
