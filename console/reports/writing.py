"""Writes a document to the files that a person has chosen, whole or not at all."""

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from console.errors import CommandError, ExitCode
from console.output import replacing, write_atomically, writing
from console.reports import html
from console.reports.document import Document


def check_files(files: Mapping[str, Path | None], *, pictures: bool) -> None:
    """Raises CommandError when two options name one file, or when a picture or PDF is wished for
    and matplotlib is not installed."""
    if pictures and find_spec("matplotlib") is None:
        raise CommandError(
            "pictures and PDFs need matplotlib, which is not installed: "
            "install mlrisk with its extra `pictures`",
            ExitCode.USAGE,
        )
    seen: dict[Path, str] = {}
    for option, path in files.items():
        if path is None:
            continue
        place = path.absolute()
        if place in seen:
            raise CommandError(f"{seen[place]} and {option} name the same file", ExitCode.USAGE)
        seen[place] = option


def write_document(document: Document, page: Path | None, pdf: Path | None) -> None:
    """Writes the page, the PDF, or both. A file that can't be written is named."""
    if page is not None:
        with writing(page):
            write_atomically(page, html.page(document))
    if pdf is not None:
        # The import of matplotlib takes a second, and nothing else needs it.
        from console.reports.pdf import pdf as drawn

        whole = drawn(document)
        with writing(pdf), replacing(pdf) as unfinished:
            unfinished.write_bytes(whole)
