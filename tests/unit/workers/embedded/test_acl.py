"""The users of the embedded Redis: each has its own password and its own keys."""

import hashlib

import pytest

from config.celery import WORKERS
from workers.embedded import acl

OURS, ADMIN = "our-password", "admin-password"


def lines() -> dict[str, list[str]]:
    text = acl.users(OURS, ADMIN, {"demo": "demo-password"})
    return {line.split()[1]: line.split() for line in text.splitlines()}


def test_no_password_stands_in_the_file_and_no_two_users_share_one() -> None:
    text = acl.users(OURS, ADMIN, {"demo": "demo-password"})
    for secret in (OURS, ADMIN, "demo-password"):
        assert secret not in text
        assert hashlib.sha256(secret.encode()).hexdigest() in text
    hashes = [word for words in lines().values() for word in words if word.startswith("#")]
    assert len(set(hashes)) == len(hashes)


def test_only_the_supervisor_has_every_command_and_nobody_is_the_default() -> None:
    found = lines()
    assert found["default"][2] == "off"
    able = [name for name, words in found.items() if "+@all" in words and "-@admin" not in words]
    assert able == ["default", acl.ADMIN]
    for name in set(found) - {"default", acl.ADMIN}:
        assert found[name].index("-@all") < len(found[name])


def test_a_strategy_reaches_the_door_and_answers_and_nothing_else() -> None:
    words = lines()[f"{acl.STRATEGY}demo"]
    keys = [word for word in words if "~" in word]
    assert all("validation" in key or "celery-task-meta" in key for key in keys)
    assert not any(word.startswith(("+scan", "+keys", "+lpop", "+del")) for word in words)


def test_every_process_has_a_user_with_rules() -> None:
    assert set(acl.USER_OF_PROCESS) >= {*WORKERS, "feed", "beat", "flower"}
    for user in set(acl.USER_OF_PROCESS.values()):
        assert acl.rules_of(user)


@pytest.mark.parametrize(
    ("name", "allowed"),
    [("demo", True), ("a-1_b", True), ("Demo", False), ("-a", False), ("a\n", False), ("", False)],
)
def test_a_strategys_name_is_plain(name: str, allowed: bool) -> None:
    assert bool(acl.NAME.match(name)) is allowed
