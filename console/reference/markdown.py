"""The parts of a generated page: its head, tables, and text that means itself in Markdown."""

from collections.abc import Iterable, Sequence

GENERATED = "`make schema` writes this page from the code. Change the code, not this page."


def head(title: str, *texts: str) -> str:
    """The begin of a page: its title, the note that it is generated, and its first words."""
    return "\n\n".join((f"# {title}", GENERATED, *texts)) + "\n"


def table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table with one line for each row; empty where there is no row."""
    lines = [_line(row) for row in rows]
    if not lines:
        return ""
    return "\n".join((_line(titles), "|" + "---|" * len(titles), *lines)) + "\n"


def code(text: str) -> str:
    """Text as code, within a line."""
    return f"`{text}`"


def one_line(text: str) -> str:
    """Text without its line breaks."""
    return " ".join(text.split())


def paragraphs(text: str) -> list[str]:
    """The paragraphs of a docstring, each in one line."""
    found = (one_line(paragraph) for paragraph in text.split("\n\n"))
    return [paragraph for paragraph in found if paragraph]


def sentence(text: str) -> str:
    """A phrase with a capital and a full stop; empty for an empty one."""
    found = one_line(text)
    if not found:
        return ""
    return found[0].upper() + found[1:] + ("" if found.endswith((".", "?", "!")) else ".")


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(one_line(cell).replace("|", "\\|") for cell in cells) + " |"
