"""Puts the panels on a terminal of any size: all of them on 120x40, the vital ones on less."""

from rich.console import Group, RenderableType
from rich.layout import Layout

from console.screen import panels
from console.screen.view import ScreenView

WIDE = 110
TALL = 34
_HEADER_ROWS = 4
_FOOTER_ROWS = 1
# The rows of a panel's frame and its table's head.
_CHROME = 3


def compose(view: ScreenView, width: int, height: int, *, note: str = "") -> RenderableType:
    """Lays out one frame. Small terminals lose panels, never the trading state."""
    if height < _HEADER_ROWS + _FOOTER_ROWS + 5 or width < 50:
        return Group(panels.header(view))
    if width < WIDE or height < TALL:
        return _small(view, height, note)
    return _full(view, height, note)


def _full(view: ScreenView, height: int, note: str) -> Layout:
    body = height - _HEADER_ROWS - _FOOTER_ROWS
    third = max(9, body // 3)
    top, middle = third, third
    bottom = body - top - middle
    root = _framed(view, note)
    root["body"].split_column(
        Layout(name="top", size=top),
        Layout(name="middle", size=middle),
        Layout(name="bottom", size=bottom),
    )
    root["top"].split_row(
        Layout(panels.requests(view, top - _CHROME), ratio=27),
        Layout(panels.limits(view, top - 2), ratio=12),
    )
    root["middle"].split_row(
        Layout(panels.children(view, middle - _CHROME), ratio=5),
        Layout(panels.fills(view, middle - _CHROME), ratio=4),
    )
    root["bottom"].split_row(
        Layout(panels.positions(view, bottom - _CHROME), ratio=12),
        Layout(panels.breakers(view, bottom - 2), ratio=7),
        Layout(panels.workers(view, bottom - _CHROME), ratio=10),
    )
    return root


def _small(view: ScreenView, height: int, note: str) -> Layout:
    body = height - _HEADER_ROWS - _FOOTER_ROWS
    root = _framed(view, note)
    shares = [panels.requests]
    if body >= 14:
        shares.append(panels.children)
    if body >= 22:
        shares.append(panels.workers)
    size = body // len(shares)
    root["body"].split_column(*(Layout(panel(view, size - _CHROME)) for panel in shares))
    return root


def _framed(view: ScreenView, note: str) -> Layout:
    root = Layout()
    root.split_column(
        Layout(panels.header(view), name="header", size=_HEADER_ROWS),
        Layout(name="body"),
        Layout(panels.footer(view, note), name="footer", size=_FOOTER_ROWS),
    )
    return root
