"""Shows the text of others as data, so that it never steers a terminal, markup or a screen.

A reason that a person typed, a request's id and an error of the exchange reach the screen. An
escape code in them could move the cursor or forge a line, and a bracket could break rich's markup.
"""

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.errors import MarkupError
from rich.segment import Segment
from rich.text import Text

from models.characters import UNSAFE
from models.characters import visible as visible
from models.characters import visible_line as visible_line

if TYPE_CHECKING:
    from rich.console import ConsoleOptions, RenderableType


def json_safe(text: str) -> str:
    """The JSON text with its unsafe characters replaced by JSON's own escapes."""
    return UNSAFE.sub(lambda found: json.dumps(found.group())[1:-1], text)


class SafeConsole(Console):
    """A console that the text of others can't steer. Commands write to people through it alone."""

    def render(
        self, renderable: "RenderableType", options: "ConsoleOptions | None" = None
    ) -> Iterable[Segment]:
        """Renders as rich does, but makes control characters visible. rich's own cursor moves
        stay."""
        for segment in super().render(renderable, options):
            if segment.control or not UNSAFE.search(segment.text):
                yield segment
            else:
                yield Segment(visible(segment.text), segment.style)

    def render_str(self, text: str, **options: Any) -> Text:
        """Renders as rich does, but shows brackets that are no valid markup as they stand."""
        try:
            return super().render_str(text, **options)
        except MarkupError:
            return super().render_str(text, **{**options, "markup": False})
