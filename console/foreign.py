"""Text of others as data: names, reasons and errors never steer a terminal, markup or a screen.

A reason that a person typed, a request's id and an error of the exchange reach the screen. An
escape code in them could move the cursor or forge a line, and a bracket could break rich's markup.
"""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.errors import MarkupError
from rich.segment import Segment
from rich.text import Text

from models.characters import code_of

if TYPE_CHECKING:
    from rich.console import ConsoleOptions, RenderableType

# C0 and C1 controls but the newline, direction marks that reorder a line, and lone surrogates,
# which no terminal's encoding holds.
_UNSAFE = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


def visible(text: str) -> str:
    """The text with every character that could steer a terminal as its visible code."""
    return _UNSAFE.sub(lambda found: code_of(found.group()), text)


def visible_line(text: str) -> str:
    """As `visible`, and in one line."""
    return visible(text).replace("\n", "\\n")


def json_safe(text: str) -> str:
    """JSON whose strings hold no such character either: they become JSON's own escapes."""
    return _UNSAFE.sub(lambda found: f"\\u{ord(found.group()):04x}", text)


class SafeConsole(Console):
    """A console on which no text of others acts: the one way in which commands write to people."""

    def render(
        self, renderable: "RenderableType", options: "ConsoleOptions | None" = None
    ) -> Iterable[Segment]:
        """As rich does, with controls made visible; rich's own cursor moves stay."""
        for segment in super().render(renderable, options):
            if segment.control or not _UNSAFE.search(segment.text):
                yield segment
            else:
                yield Segment(visible(segment.text), segment.style)

    def render_str(self, text: str, **options: Any) -> Text:
        """As rich does; brackets that are no markup are shown as they stand."""
        try:
            return super().render_str(text, **options)
        except MarkupError:
            return super().render_str(text, **{**options, "markup": False})
