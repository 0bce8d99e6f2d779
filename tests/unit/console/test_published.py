"""The generated pages of the documentation are what the code says."""

import pytest

from console import published
from tests.support.repository import text_of


@pytest.mark.parametrize("page", published.PAGES)
def test_a_generated_page_is_not_older_than_the_code(page: str) -> None:
    assert text_of(page) == published.PAGES[page](), f"{page} is old: run make schema"
