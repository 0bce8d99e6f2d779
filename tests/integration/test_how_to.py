"""The commands of the how-to pages and of troubleshooting work on a whole running system."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.documents.pages import RUN_PAGES, Reader, shell_blocks
from tests.support.processes.shell import Shell
from tests.support.waiting import START_SECONDS, eventually

pytestmark = [pytest.mark.services, pytest.mark.long, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    place = tmp_path_factory.mktemp("how-to")
    place.chmod(0o711)
    made = Shell(place / "home")
    started = made.run("up", "--detach", "--no-demo", "--market", "synthetic")
    try:
        assert started.returncode == 0, started.stderr
        eventually(
            lambda: made.run("status").returncode == 0, "a state that may trade", START_SECONDS
        )
        yield made
    finally:
        made.run("down")
    assert made.leftovers() == []


PAGES = [
    page
    for page in RUN_PAGES
    if page != "docs/tutorial.md" and not all(block.not_run for block in shell_blocks(page))
]


@pytest.mark.parametrize("page", PAGES)
def test_the_commands_of_a_page_do_what_it_says(page: str, shell: Shell, tmp_path: Path) -> None:
    """Each page begins with a system that trades, and the drills end with one."""
    shell.run("resume", "--reason", "the next page")
    reader = Reader(tmp_path, {**shell.env, "MLRISK_HOME": str(shell.home)})
    for block in shell_blocks(page):
        if not block.not_run:
            reader.run(block)
