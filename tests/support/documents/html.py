"""A page as a parser sees it."""

from html.parser import HTMLParser

VOID = {"meta"}
FOREIGN = {"script", "link", "img", "iframe", "object", "a"}
"""Elements that would make a page more than one file, or that act."""


class Page(HTMLParser):
    """Every element, attribute and text of a page; unbalanced elements fail."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.elements: list[str] = []
        """The name of every element in the order of the page."""
        self.attributes: set[str] = set()
        self.ids: list[str] = []
        self._values: list[tuple[str, str | None]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._note(tag, attrs)
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._note(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def values(self, attribute: str) -> list[str]:
        """The values of an attribute, wherever it stands."""
        return [value or "" for name, value in self._values if name == attribute]

    def _note(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.elements.append(tag)
        self._values += attrs
        self.attributes |= {name for name, _ in attrs}
        self.ids += [value for name, value in attrs if name == "id" and value is not None]


def is_self_contained(page: Page) -> bool:
    """Whether a page runs nothing, loads nothing and leads nowhere."""
    return (
        (FOREIGN | {"form", "base"}).isdisjoint(page.names)
        and {"src", "href", "style", "xlink:href"}.isdisjoint(page.attributes)
        and not [name for name in page.attributes if name.startswith("on")]
    )
