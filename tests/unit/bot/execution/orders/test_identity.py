"""Order ids: deterministic, short enough for Bybit, and different for every child."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.execution.orders.identity import (
    MAX_LENGTH,
    is_in_our_form,
    is_of_strategy,
    is_without_strategy,
    order_link_id,
    strategy_tag,
)

TEXT = st.text(min_size=1, max_size=64)


@given(TEXT, TEXT, st.integers(0, 10_000), st.integers(0, 10), st.none() | TEXT)
def test_an_id_is_short_and_of_bybits_alphabet(
    account: str, request: str, slot: int, attempt: int, strategy: str | None
) -> None:
    link = order_link_id(account, request, slot, attempt, strategy=strategy)
    assert len(link) <= MAX_LENGTH
    assert re.fullmatch(r"[a-z][A-Za-z0-9_-]*", link)
    assert link == order_link_id(account, request, slot, attempt, strategy=strategy)
    assert is_in_our_form(link)


@pytest.mark.parametrize(
    "link",
    [
        "",
        "mr-",
        "mr-by-hand",
        "by-capd2vjqdviyf2vgm6ure7hv",
        "mr-capd2vjqdviyf2vgm6ure7hv1",
        "mr-capd2vjqdviyf2vgm6ure7h1",
        "mr-abcdefg-capd2vjqdviyf2vgm6ure7h",
        "mr-abcdef-capd2vjqdviyf2vgm6ure7hv",
        "mr-CAPD2VJQDVIYF2VGM6URE7HV",
        "mr-capd2vjqdviyf2vgm6ure7hv\n",
    ],
)
def test_what_is_not_in_our_form_is_somebody_else_s(link: str) -> None:
    assert not is_in_our_form(link)


def test_another_slot_or_attempt_gives_another_id() -> None:
    ids = {
        order_link_id("a", "r", slot, attempt) for slot in range(100) for attempt in range(5)
    } | {order_link_id("b", "r", 0, 0), order_link_id("a", "r2", 0, 0)}
    assert len(ids) == 502


def test_the_id_of_a_child_never_changes_between_versions() -> None:
    assert order_link_id("paper", "r-1", 0, 0) == "mr-capd2vjqdviyf2vgm6ure7hv"
    assert order_link_id("paper", "r-1", 0, 0, strategy="momentum") == (
        f"mr-{strategy_tag('momentum')}-capd2vjqdviyf2vgm6ure7hv"
    )
    assert strategy_tag("momentum") == "irv6gcd"


def test_strategies_have_tags_of_their_own() -> None:
    assert len({strategy_tag(f"strategy-{number}") for number in range(2_000)}) == 2_000


@given(TEXT, TEXT, TEXT)
def test_an_id_tells_its_strategy_or_that_it_has_none(request: str, own: str, other: str) -> None:
    link, old = order_link_id("a", request, 0, 0, strategy=own), order_link_id("a", request, 0, 0)
    assert is_of_strategy(link, own) and not is_without_strategy(link)
    assert is_of_strategy(link, other) is (strategy_tag(own) == strategy_tag(other))
    assert is_without_strategy(old) and not is_of_strategy(old, own)
    assert not is_without_strategy("by-hand")
