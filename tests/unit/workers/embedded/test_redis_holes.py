"""Known holes of Redis and Valkey servers."""

import pytest

from workers.embedded.redis_holes import HOLES, Server, from_banner, from_info

LUA = "CVE-2025-49844"
OUTPUT = "CVE-2025-21605"


def cves(kind: str, version: tuple[int, int, int]) -> set[str]:
    return {hole.cve for hole in Server(kind, version).holes}


@pytest.mark.parametrize(
    ("kind", "version", "has"),
    [
        ("redis", (6, 2, 14), True),
        ("redis", (6, 2, 19), True),
        ("redis", (6, 2, 20), False),
        ("redis", (7, 0, 15), True),
        ("redis", (7, 2, 10), True),
        ("redis", (7, 2, 11), False),
        ("redis", (7, 4, 5), True),
        ("redis", (8, 0, 4), False),
        ("redis", (8, 2, 1), True),
        ("redis", (8, 4, 0), False),
        ("valkey", (7, 2, 10), True),
        ("valkey", (8, 0, 6), False),
        ("valkey", (8, 1, 3), True),
        ("valkey", (8, 1, 4), False),
        ("valkey", (9, 0, 0), False),
    ],
)
def test_a_hole_is_closed_from_the_first_fixed_version_of_its_line_on(
    kind: str, version: tuple[int, int, int], has: bool
) -> None:
    assert (LUA in cves(kind, version)) is has


def test_the_server_of_former_versions_of_mlrisk_is_not_safe() -> None:
    assert {LUA, OUTPUT} <= cves("redis", (6, 2, 14))
    assert not Server("redis", (6, 2, 14)).is_safe


def test_a_hole_that_newer_lines_began_with_is_none_of_older_ones() -> None:
    assert "CVE-2026-27623" in cves("valkey", (9, 0, 2))
    assert "CVE-2026-27623" not in cves("valkey", (8, 1, 8))


def test_a_hole_by_what_nobody_may_leaves_a_server_safe() -> None:
    server = Server("valkey", (8, 1, 8))
    assert {hole.needs for hole in server.holes} == {"RESTORE", "TLS"}
    assert server.is_safe


def test_each_hole_names_a_version_of_each_line_once() -> None:
    for hole in HOLES:
        for fixed in hole.fixed.values():
            lines = [version[:2] for version in fixed]
            assert lines == sorted(set(lines)), hole.cve


def test_banners_name_the_server() -> None:
    assert from_banner("Redis server v=7.4.6 sha=0:0 malloc=jemalloc") == Server("redis", (7, 4, 6))
    assert from_banner("Valkey server v=8.1.8 sha=00000000:1") == Server("valkey", (8, 1, 8))
    assert from_banner("bash 5.2") is None
    assert from_banner("") is None


def test_valkeys_own_version_counts_and_not_the_one_that_it_is_compatible_with() -> None:
    info = {"redis_version": "7.2.4", "valkey_version": "8.1.8"}
    assert from_info(info) == Server("valkey", (8, 1, 8))
    assert from_info({"redis_version": "7.2.4"}) == Server("redis", (7, 2, 4))
    assert from_info({"redis_version": "unstable"}) is None
