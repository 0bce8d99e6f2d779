"""A document as one HTML page of our own: no script, no other file, dark, light and printed."""

from console.pictures import svg
from console.reports.document import Block, Document, Frame, Note, Pairs, Plot, Section, Table
from console.views import html_page
from console.views.html_page import text


def page(document: Document) -> str:
    """The whole page. Every text in it is escaped."""
    frame = document.frame
    sections = (_section(n, one) for n, one in enumerate(document.sections, 1))
    return html_page.page(frame.title, (_frame(frame), *sections))


def _frame(frame: Frame) -> str:
    rows = (
        ("account", frame.account),
        ("period", frame.period),
        ("source", frame.source),
        ("age", frame.age),
    )
    mark = "" if frame.watermark is None else f'<p class="mark">{text(frame.watermark)}</p>\n'
    return mark + _pairs(Pairs("About this report", rows))


def _section(number: int, section: Section) -> str:
    inside = "\n".join(_block(block) for block in section.blocks)
    name = f"s{number}"
    return (
        f'<section aria-labelledby="{name}">\n<h2 id="{name}">{text(section.title)}</h2>\n'
        f"{inside}\n</section>"
    )


def _block(block: Block) -> str:
    match block:
        case Note():
            return f'<p class="{block.tone}">{text(block.text)}</p>'
        case Pairs():
            return _pairs(block)
        case Table():
            return _table(block)
        case Plot():
            table = "" if block.table is None else f"\n{_table(block.table)}"
            return (
                f"<figure>{svg.svg(block.picture)}"
                f"<figcaption>{text(block.caption)}</figcaption></figure>{table}"
            )


def _table(table: Table) -> str:
    if not table.rows:
        return f'<p class="dim">{text(table.caption)}: none</p>'
    head = "".join(f'<th scope="col">{text(name)}</th>' for name in table.names)
    body = "".join(
        "<tr>" + "".join(f"<td>{text(cell)}</td>" for cell in row) + "</tr>\n" for row in table.rows
    )
    more = f'<p class="dim">{table.left_out} more are left out</p>' if table.left_out else ""
    # A wide table is scrolled by keyboard as well.
    return (
        f'<div class="wide" role="region" tabindex="0" aria-label="{text(table.caption)}"><table>'
        f"<caption>{text(table.caption)}</caption><thead><tr>{head}</tr></thead>\n"
        f"<tbody>\n{body}</tbody></table></div>{more}"
    )


def _pairs(pairs: Pairs) -> str:
    body = "".join(
        f'<tr><th scope="row">{text(name)}</th><td>{text(value)}</td></tr>\n'
        for name, value in pairs.rows
    )
    return f"<table><caption>{text(pairs.caption)}</caption><tbody>\n{body}</tbody></table>"
