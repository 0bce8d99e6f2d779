"""The costs of trades as a document: every plot, also of hostile, empty and unfinished trades."""

from dataclasses import replace

import pytest

from bot.tca.analysis import TradeCost, analyse
from bot.tca.service import Costs
from console.pictures.picture import rough_width
from console.reports.costs import costs_document, newest_fact, trade_document
from console.reports.document import Document, Plot
from console.reports.html import page
from console.reports.pages import laid_out
from console.reports.pdf import pdf
from tests.support.documents.html import Page, is_self_contained
from tests.support.documents.pdf_text import read_pdf
from tests.unit.bot.execution.tca.trades import at, child, part, trade
from tests.unit.console.reports.samples import ATTACK, frame, text_of


def made(price: str, name: str = "r-1", **changes: object) -> TradeCost:
    first = child(0, part("4", price, "0.1"), sent=30, qty="4")
    second = child(1, part("3", price, "0.1", maker=True), sent=90, qty="6")
    return replace(analyse(trade(first, second)), request_id=name, **changes)  # type: ignore[arg-type]


def plots(document: Document) -> list[str]:
    return [s.title for s in document.sections for b in s.blocks if isinstance(b, Plot)]


def shown(document: Document) -> str:
    """The text of the page. What is laid out on paper has every title, too."""
    found = Page(page(document))
    assert is_self_contained(found)
    laid = "".join(line for marks in laid_out(document, rough_width) for line in text_of(marks))
    for section in document.sections:
        assert "".join(section.title.split())[:20] in "".join(laid.split())
    return found.text


def test_many_trades_have_every_plot_with_the_costliest_trade() -> None:
    costs = Costs((made("101"), made("104", "r-2"), made("99", "r-3")), ("r-4: no price",))
    document = costs_document(costs, frame())
    assert plots(document) == [
        "Slippage against arrival",
        "The cost by cause",
        "Predicted against measured impact",
        "Planned against done: the costliest trade, r-2",
    ]
    text = shown(document)
    for told in ("bps", "95 % interval", "timing", "spread", "r-4: no price", "30 are needed"):
        assert told in text
    drawn = read_pdf(pdf(document)).text
    assert "95 % interval" in drawn and "the costliest trade, r-2" in drawn
    # The table of trades begins with the costliest.
    assert text.index("r-2") < text.index("r-3")


def test_one_trade_has_its_orders_and_every_plot() -> None:
    costs = Costs((made("101"),), ())
    document = trade_document(costs, costs.trades[0], frame())
    assert plots(document) == [
        "Planned against done",
        "Slippage of orders against their arrival",
        "The cost by cause",
        "Predicted against measured impact",
    ]
    text = shown(document)
    for told in ("mid at the decision", "opportunity", "Orders of r-1", "total"):
        assert told in text


@pytest.mark.parametrize(
    "trades",
    [
        (),
        (made("101", is_final=False),),
        (made("101", ATTACK, algorithm=ATTACK, symbol=ATTACK, state=ATTACK),),
        (made("101", expected_impact_bps=None, realised_impact_bps=None),),
        (made("101", expected_impact_bps=1e300),),
        (made("101", children=()),),
    ],
    ids=["none", "under way", "hostile", "no impact", "huge", "no orders"],
)
def test_documents_of_odd_trades_are_whole(trades: tuple[TradeCost, ...]) -> None:
    costs = Costs(trades, (ATTACK,))
    assert "<script>alert(1)</script>" in shown(costs_document(costs, frame(ATTACK)))
    for one in trades:
        assert "Planned against done" in shown(trade_document(costs, one, frame(ATTACK)))


def test_the_newest_fact_is_a_decision_a_sending_or_a_fill() -> None:
    assert newest_fact(()) is None
    assert newest_fact((made("101"),)) == at(90.1)
    assert newest_fact((made("101", children=()),)) == at(0)
