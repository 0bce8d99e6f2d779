"""Costs by algorithm as an SVG picture: the parts as bars, the mean with its interval above."""

from collections.abc import Sequence
from xml.sax.saxutils import escape

from bot.execution.tca.analysis import TradeCost
from bot.execution.tca.resampling import Estimate
from bot.execution.tca.summary import AlgorithmSummary, by_algorithm

_WIDTH, _LEFT, _RIGHT, _ROW = 900, 170, 40, 96
_BAR = 12
_COLOURS = {"delay": "#4477aa", "trading": "#ee6677", "opportunity": "#ccbb44", "fees": "#888888"}
_INK = "#222222"


def by_algorithm_svg(trades: Sequence[TradeCost]) -> str:
    """A whole SVG file; without trades it says so."""
    summaries = by_algorithm(trades)
    height = 70 + _ROW * max(1, len(summaries))
    title = (
        f"Cost by algorithm in bps, {sum(one.trades for one in summaries)} trades; "
        "line: mean of the total with its 95 % interval"
    )
    body = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" '
        f'viewBox="0 0 {_WIDTH} {height}" font-family="sans-serif" font-size="12" fill="{_INK}">',
        f'<rect width="{_WIDTH}" height="{height}" fill="white"/>',
        _text(10, 20, title),
        *_legend(),
    ]
    if not summaries:
        body.append(_text(10, 80, "no trades"))
    low, high = _range(summaries)
    for index, one in enumerate(summaries):
        body += _row(one, 66 + index * _ROW, low, high)
    return "\n".join([*body, "</svg>"]) + "\n"


def _parts(one: AlgorithmSummary) -> dict[str, Estimate]:
    return {
        "delay": one.delay_bps,
        "trading": one.trading_bps,
        "opportunity": one.opportunity_bps,
        "fees": one.fees_bps,
    }


def _range(summaries: Sequence[AlgorithmSummary]) -> tuple[float, float]:
    """Of everything drawn, with 0 inside and never empty."""
    values = [0.0]
    for one in summaries:
        values += [part.value for part in _parts(one).values()]
        values += [v for v in (one.total_bps.value, one.total_bps.low, one.total_bps.high)
                   if v is not None]  # fmt: skip
    low, high = min(values), max(values)
    return (low, high) if high > low else (low, low + 1.0)


def _row(one: AlgorithmSummary, top: float, low: float, high: float) -> list[str]:
    def at(value: float) -> float:
        return _LEFT + (value - low) / (high - low) * (_WIDTH - _LEFT - _RIGHT)

    zero = at(0.0)
    made = [_text(10, top + 12, f"{one.algorithm} ({one.trades})")]
    made.append(_line(zero, top - 6, zero, top + _ROW - 24, "#bbbbbb"))
    total = one.total_bps
    if total.low is not None and total.high is not None:
        made.append(_line(at(total.low), top + 6, at(total.high), top + 6, _INK))
    made.append(f'<circle cx="{at(total.value):.1f}" cy="{top + 6:.1f}" r="4"/>')
    made.append(_text(10, top + 28, f"{total.value:.2f} bps"))
    for index, (name, part) in enumerate(_parts(one).items()):
        left, right = sorted((zero, at(part.value)))
        made.append(
            f'<rect x="{left:.1f}" y="{top + 16 + index * (_BAR + 2):.1f}" '
            f'width="{right - left:.1f}" height="{_BAR}" fill="{_COLOURS[name]}">'
            f"<title>{name}: {part.value:.3f} bps</title></rect>"
        )
    return made


def _legend() -> list[str]:
    made = []
    for index, (name, colour) in enumerate(_COLOURS.items()):
        x = _LEFT + index * 120
        made.append(f'<rect x="{x}" y="32" width="12" height="12" fill="{colour}"/>')
        made.append(_text(x + 18, 42, name))
    return made


def _text(x: float, y: float, words: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}">{escape(words)}</text>'


def _line(x1: float, y1: float, x2: float, y2: float, colour: str) -> str:
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" '
        f'stroke="{colour}" stroke-width="2"/>'
    )
