"""A Postgres that can't be used."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

from workers.supervision.ports import free_port


@contextmanager
def lost_postgres(*, hangs: bool) -> Iterator[str]:
    """The address of one that refuses connections, or takes them and never answers."""
    if not hangs:
        yield f"postgresql+psycopg://x:x@127.0.0.1:{free_port()}/x"
        return
    with socket.create_server(("127.0.0.1", 0), backlog=64) as hanging:
        yield f"postgresql+psycopg://x:x@127.0.0.1:{hanging.getsockname()[1]}/x"
