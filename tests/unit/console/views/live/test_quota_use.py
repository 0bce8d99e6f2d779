"""The use of a strategy's quotas as one phrase."""

from config.settings import Settings
from console.views.live.quota_use import quota_uses, quota_words


def test_open_requests_and_exits_are_told_with_what_is_allowed() -> None:
    use = {
        "open_requests": {"used": 3, "allowed": 50},
        "open_exits": {"used": 1, "allowed": 20},
    }
    assert quota_words(use) == "open requests 3 of 50, open exits 1 of 20"
    assert quota_words(None) == ""


def test_without_a_database_nothing_is_known() -> None:
    assert quota_uses(Settings(), ["demo"]) == {}
