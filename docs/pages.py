"""What `make docs` adds to the pages of this folder: pages from elsewhere in the repository.

A link to a file that is no page becomes the file's path, because the site stands alone.
"""

import posixpath
import re
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
FOLDER = "docs/"
PROJECT = "project/"
"""The folder of the site with the pages from elsewhere."""
PAGES = (
    *("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"),
    *("paper_exchange/README.md", "examples/clients/README.md"),
)
_CODE = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)
_LINK = re.compile(
    r"(?P<picture>!?)\[(?P<text>(?:[^\[\]]|\[[^\[\]]*\])*)\]\((?P<target>[^)\s#]+)(?P<anchor>#[^)\s]*)?\)"
)


def on_files(files: Any, config: Any) -> Any:
    """Adds the pages from elsewhere to those of the folder."""
    from properdocs.structure.files import File

    for page in PAGES:
        files.append(File.generated(config, PROJECT + page, abs_src_path=str(ROOT / page)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Leads the links of a page to where their targets are in the site."""
    return linked(markdown, page.file.src_uri)


def linked(markdown: str, page: str) -> str:
    """The text of a page of the site with links that lead within it; code stays as it is."""
    parts = _CODE.split(markdown)
    return "".join(
        part if number % 2 else _LINK.sub(partial(_led, page), part)
        for number, part in enumerate(parts)
    )


def _led(page: str, link: re.Match[str]) -> str:
    target = link["target"]
    if ":" in target:
        return link[0]
    place = page.removeprefix(PROJECT) if page.startswith(PROJECT) else FOLDER + page
    path = posixpath.normpath(posixpath.join(posixpath.dirname(place), target))
    if path.startswith(FOLDER):
        there = path.removeprefix(FOLDER)
    elif path in PAGES:
        there = PROJECT + path
    elif (ROOT / path).exists():
        text = link["text"]
        return text if text.strip("`") == path else f"{text} (`{path}`)"
    else:
        return link[0]  # the strict build names it
    way = posixpath.relpath(there, posixpath.dirname(page) or ".")
    return f"{link['picture']}[{link['text']}]({way}{link['anchor'] or ''})"
