"""The guard: our own pages alone send forms, to a name of this machine, in bounds."""

import pytest

from console.web.guard import CONTENT_SECURITY, LONGEST_BODY, Guard

HOST = {"host": "127.0.0.1:8098"}
OURS = {**HOST, "origin": "http://127.0.0.1:8098", "content-length": "10"}


def refusal(method: str, **headers: str) -> int | None:
    """The status of a refusal; `_` stands for `-` in names."""
    said = {name.replace("_", "-"): value for name, value in headers.items()}
    found = Guard(None)._refusal(method, said)  # type: ignore[arg-type]
    return None if found is None else found[0]


def test_a_form_of_our_own_page_passes() -> None:
    assert refusal("POST", **OURS) is None
    assert refusal("POST", **OURS, sec_fetch_site="same-origin") is None
    by_metadata = {name: OURS[name] for name in OURS if name != "origin"}
    assert refusal("POST", **by_metadata, sec_fetch_site="same-origin") is None


@pytest.mark.parametrize(
    "change",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:8099"},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
        {"sec_fetch_site": "none"},
    ],
)
def test_any_other_form_is_refused(change: dict[str, str]) -> None:
    assert refusal("POST", **{**OURS, **change}) == 403


def test_a_form_without_any_word_of_its_origin_is_refused() -> None:
    assert refusal("POST", **HOST, content_length="1") == 403


@pytest.mark.parametrize("length", ["", "-1", "x", "²", str(LONGEST_BODY + 1)])
def test_a_form_without_a_sound_length_is_refused(length: str) -> None:
    assert refusal("POST", **{**OURS, "content-length": length}) == 413


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "[", "10.0.0.1"])
def test_another_name_is_not_answered(host: str) -> None:
    assert refusal("GET", host=host) == 421


def test_reading_is_for_our_pages_and_for_persons_who_follow_a_link() -> None:
    assert refusal("GET", **HOST) is None
    assert refusal("GET", **HOST, sec_fetch_site="cross-site", sec_fetch_mode="navigate") is None
    assert refusal("GET", **HOST, sec_fetch_site="cross-site", sec_fetch_mode="cors") == 403
    assert refusal("DELETE", **OURS) == 405


def test_the_policy_allows_nothing_inside_the_page() -> None:
    assert "unsafe" not in CONTENT_SECURITY
    assert CONTENT_SECURITY.startswith("default-src 'self';")


def problem(**headers: str) -> str | None:
    """The name of a program's problem before its token is looked at."""
    said = {name.replace("_", "-"): value for name, value in headers.items()}
    found = Guard(None)._problem(said)  # type: ignore[arg-type]
    return None if found is None else found.kind.name


def test_a_program_says_no_origin_and_a_page_of_another_site_is_refused() -> None:
    assert problem(**HOST) is None
    assert problem(**OURS) is None
    assert problem(host="evil.example") == "wrong-host"
    assert problem(**HOST, origin="http://evil.example") == "foreign-page"
    assert problem(**HOST, origin="null") == "foreign-page"
    assert problem(**HOST, sec_fetch_site="cross-site") == "foreign-page"
    assert problem(**HOST, sec_fetch_site="same-site") == "foreign-page"
