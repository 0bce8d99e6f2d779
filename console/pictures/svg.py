"""A picture as inline SVG. Classes give the colours, so that a page's style can be dark and light
and a strict policy allows it."""

from html import escape

from console.pictures.picture import DASHED, Box, Dot, Line, Mark, Picture, Point, Role, Words
from models.characters import visible_line


def style() -> str:
    """How a page shows the roles, by the variables of `console.pictures.colours`."""
    rules = ["svg.plot { width: 100%; height: auto; display: block; }"]
    rules.append("svg.plot text { font-family: system-ui, sans-serif; }")
    for role in Role:
        rules.append(f"svg.plot .{role} {{ fill: var(--{role}); }}")
        dash = DASHED.get(role)
        dashed = "" if dash is None else f" stroke-dasharray: {dash[0]:g} {dash[1]:g};"
        rules.append(f"svg.plot polyline.{role} {{ fill: none; stroke: var(--{role});{dashed} }}")
    return "\n".join(rules)


def svg(picture: Picture) -> str:
    """The picture as one element, which says in words what it shows. Every text is escaped."""
    inside = "".join(_shape(mark) for mark in picture.marks)
    return (
        f'<svg class="plot" viewBox="0 0 {picture.width:.0f} {picture.height:.0f}" role="img" '
        f'aria-label="{_text(picture.told)}">{inside}</svg>'
    )


def points_text(points: tuple[Point, ...]) -> str:
    """Points as SVG writes them."""
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def _shape(mark: Mark) -> str:
    match mark:
        case Line():
            return (
                f'<polyline class="{mark.role}" stroke-width="{mark.width:g}" '
                f'points="{points_text(mark.points)}"/>'
            )
        case Box():
            return (
                f'<rect class="{mark.role}" x="{mark.x:.1f}" y="{mark.y:.1f}" '
                f'width="{mark.width:.1f}" height="{mark.height:.1f}"/>'
            )
        case Dot():
            return (
                f'<circle class="{mark.role}" cx="{mark.x:.1f}" cy="{mark.y:.1f}" '
                f'r="{mark.radius:.1f}"/>'
            )
        case Words():
            weight = ' font-weight="600"' if mark.bold else ""
            return (
                f'<text class="{mark.role}" x="{mark.x:.1f}" y="{mark.y:.1f}" '
                f'text-anchor="{mark.anchor}" font-size="{mark.size:g}"{weight}>'
                f"{_text(mark.text)}</text>"
            )


def _text(value: str) -> str:
    return escape(visible_line(value), quote=True)
