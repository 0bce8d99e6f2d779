"""Pictures as inline SVG, drawn here from numbers alone. Classes give the colours: the page's
policy allows no style inside. Scales and staircases are those of reports (`console/pictures/`)."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from markupsafe import Markup

from console.pictures.scale import scale_of
from console.pictures.svg import points_text
from console.pictures.time_lines import Span, Steps, running, staircase

_WIDTH, _HEIGHT = 600.0, 120.0
_FULL, _NEARLY = 0.95, 0.7
"""From these shares of a limit on its bar is drawn as full, and as nearly full."""


def level_of(share: float) -> str:
    """The class of a used share: `well`, `near` or `full`."""
    return "full" if share >= _FULL else "near" if share >= _NEARLY else "well"


def bar(share: float) -> Markup:
    """A bar that is filled up to a share. Its number stands beside it as text."""
    filled = max(0.0, min(1.0, share)) * 100
    return Markup(
        '<svg class="bar" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="track" width="100" height="8"/>'
        '<rect class="fill {}" width="{:.1f}" height="8"/></svg>'
    ).format(level_of(share), filled)


def curve(values: Sequence[Decimal], told: str) -> Markup:
    """A line through values at even distances, the newest last. `told` says it in words."""
    if len(values) < 2:
        return Markup("")
    step, scale = _WIDTH / (len(values) - 1), scale_of(values, _HEIGHT - 4, 4)
    points = points_text(tuple((n * step, scale.place(value)) for n, value in enumerate(values)))
    return _picture(told, Markup('<polyline class="line" points="{}"/>').format(points))


def planned_and_done(planned: Steps, done: Steps, begin: datetime, end: datetime) -> Markup:
    """The planned quantity over time as a dashed staircase, and the filled one as a solid one."""
    total = max(sum((qty for _, qty in each), Decimal(0)) for each in (planned, done))
    seconds = (end - begin).total_seconds()
    if total <= 0 or seconds <= 0:
        return Markup("")
    inside = Markup("").join(
        Markup('<polyline class="{}" points="{}"/>').format(
            name, _staircase(steps, begin, seconds, total)
        )
        for name, steps in (("plan", planned), ("line", done))
        if steps
    )
    share = sum((qty for _, qty in done), Decimal(0)) / total
    return _picture(f"planned against done: {share:.0%} of the plan is filled", inside)


def _staircase(steps: Steps, begin: datetime, seconds: float, total: Decimal) -> str:
    span = Span(begin, begin + timedelta(seconds=seconds))
    places = [(0.0, _y(0))]
    places += [
        (span.share(at) * _WIDTH, _y(float(height / total)))
        for at, height in running(steps, span.end)
    ]
    return points_text(staircase(places))


def _y(share: float) -> float:
    return _HEIGHT - 4 - share * (_HEIGHT - 8)


def _picture(told: str, inside: Markup) -> Markup:
    return Markup(
        '<svg class="picture" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" '
        'aria-label="{}">{}</svg>'
    ).format(f"{_WIDTH:.0f}", f"{_HEIGHT:.0f}", told, inside)
