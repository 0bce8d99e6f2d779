"""The embedded Redis server: who runs it, what it refuses to everybody, and old homes' logs."""

import base64
import contextlib
import os
import socket
import zlib
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import redis
from redis.backoff import NoBackoff
from redis.exceptions import ResponseError
from redis.retry import Retry

from tests.support.services import RedisServer, redis_server
from tests.support.waiting import eventually
from workers.embedded.privileges import UNPRIVILEGED_UID
from workers.embedded.redis import MEMORY_MB

pytestmark = pytest.mark.services

# What Redis 6.2.14 left, the server of former versions: a dump at the head, commands behind it.
_LOG_OF_6_2 = (
    "c-jkcb@2=~Ffg$E#aWb^l3A=<mRiJSre~yQX!45-B9fF@QhdPS7i)4!W^U@CQ(ipTzc@;ZQ&V(vQ*#eJ2;gJ*#g"
    "mwyrdv>ynwXoElX`&hAH#1Z1_s8&1B`rJWr;bNDTyVS`FV^|QVa|XTtLjoz`&c9SyWu2kegauoS2^a|Nm?khj^ap"
    "|B|(gc)3)}c)5aIeO#SGfNVovE(2aJEn^_ll$R?gAT-zmBnlKmm<$py;pHk$P0r6tftd-^gvBhNkQPv>3J`k)yMh"
    "EQc|qPxN=+=Ws(_lDlA4y8mkBi)sH3`;mkR*NbW>y"
)
_FLOOD_COMMANDS = 100_000


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with redis_server() as running:
        yield running


def test_silent_connections_end_and_vanished_peers_are_found(server: RedisServer) -> None:
    with server.embedded.admin() as admin:
        found = {**admin.config_get("timeout"), **admin.config_get("tcp-keepalive")}
    assert found == {"timeout": "600", "tcp-keepalive": "60"}


def test_it_never_runs_as_root(server: RedisServer) -> None:
    expected = UNPRIVILEGED_UID if os.geteuid() == 0 else os.geteuid()
    assert psutil.Process(server.pid).uids().real == expected


def test_its_memory_ends_and_nothing_is_evicted(server: RedisServer) -> None:
    with server.embedded.admin() as client:
        told = client.config_get("maxmemory*")
    assert told["maxmemory"] == str(MEMORY_MB * 1024 * 1024)
    assert told["maxmemory-clients"] == str(128 * 1024 * 1024)
    assert told["maxmemory-policy"] == "noeviction"


def test_a_client_that_reads_no_answer_is_closed_before_it_fills_the_memory(
    server: RedisServer,
) -> None:
    with server.client() as client, socket.create_connection(("127.0.0.1", server.port)) as rude:
        before = client.info("memory")["used_memory"]
        rude.setblocking(False)
        sent = 0
        # The server reads no more, or has closed the connection.
        with contextlib.suppress(BlockingIOError, BrokenPipeError, ConnectionResetError):
            for _ in range(_FLOOD_COMMANDS):
                sent += rude.send(b"PING\r\n" * 100)
        assert sent > 0
        assert client.info("memory")["used_memory"] - before < 8 * 1024 * 1024


@pytest.mark.parametrize(
    "command",
    [
        ("CONFIG", "SET", "dir", "/tmp"),
        ("CONFIG", "SET", "dbfilename", "authorized_keys"),
        ("MODULE", "LOAD", "/tmp/module.so"),
        ("DEBUG", "RELOAD"),
        ("RESTORE", "key", "0", "payload"),
    ],
    ids=" ".join,
)
def test_no_client_writes_files_or_loads_code(server: RedisServer, command: tuple[str]) -> None:
    with server.embedded.admin() as admin, pytest.raises(ResponseError):
        admin.execute_command(*command)


def test_the_log_of_an_old_home_is_loaded_and_kept(tmp_path: Path) -> None:
    tmp_path.chmod(0o711)
    server = RedisServer(tmp_path)
    log = server.embedded.directory / "appendonly.aof"
    log.write_bytes(zlib.decompress(base64.b85decode(_LOG_OF_6_2)))
    log.chmod(0o600)
    server.embedded.prepare()  # as at each start: what root's server wrote is handed over
    for _ in range(2):
        server.start()
        try:
            with server.client() as broker, server.client(2) as schedule:
                assert broker.lrange("validation", 0, -1) == [b"first message", b"second message"]
                assert broker.get("a") == b"1"
                assert schedule.hgetall("redbeat:x") == {b"definition": b"{}"}
        finally:
            server.kill()


def test_its_log_can_be_read_by_every_other_server(tmp_path: Path) -> None:
    tmp_path.chmod(0o711)
    server = RedisServer(tmp_path)
    server.start()
    try:
        with server.client() as client, server.embedded.admin() as admin:
            client.rpush("validation", "a message")
            admin.bgrewriteaof()

            def rewritten() -> bool:
                info = client.info("persistence")
                done = not info["aof_rewrite_in_progress"]
                return done and info["aof_last_bgrewrite_status"] == "ok"

            eventually(rewritten)
    finally:
        server.stop()
    logs = [path.read_bytes() for path in server.embedded.directory.glob("appendonlydir/*.aof")]
    assert any(b"a message" in log for log in logs)
    assert not any(log.startswith((b"REDIS", b"VALKEY")) for log in logs)


def test_it_starts_again_after_its_users_were_written_while_it_ran(server: RedisServer) -> None:
    server.embedded.write_users()  # as `mlrisk strategy add` does
    server.kill()
    server.start()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_link_in_its_directory_gives_nothing_away(tmp_path: Path) -> None:
    tmp_path.chmod(0o711)
    server = RedisServer(tmp_path)
    precious = tmp_path / "precious"
    precious.write_text("of root", encoding="utf-8")
    (server.embedded.directory / "link").symlink_to(precious)
    os.link(precious, server.embedded.directory / "second-name")
    server.embedded.prepare()
    assert precious.stat().st_uid == 0


def test_messages_outlive_a_kill(server: RedisServer) -> None:
    with server.client() as client:
        client.rpush("validation", "kept")
        with client.pipeline(transaction=True) as block:
            block.rpush("validation", "kept in a block")
            block.execute()
        client.eval("return redis.call('rpush', 'validation', 'kept by a script')", 0)
        eventually(lambda: client.info("persistence")["aof_pending_bio_fsync"] == 0)
    server.kill()
    server.start()
    with server.client() as client:
        assert client.lrange("validation", 0, -1) == [
            b"kept",
            b"kept in a block",
            b"kept by a script",
        ]


def test_who_lacks_the_password_gets_nothing(server: RedisServer) -> None:
    stranger = redis.Redis(port=server.port, retry=Retry(NoBackoff(), 0))
    with stranger, pytest.raises(redis.AuthenticationError):
        stranger.ping()
