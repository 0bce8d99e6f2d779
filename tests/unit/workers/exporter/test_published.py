"""The document of the metrics is what the declarations say."""

from tests.support.repository import text_of
from workers.exporter import published
from workers.exporter.catalogue import CATALOGUE


def test_the_document_is_what_the_declarations_say() -> None:
    assert text_of(published.DOCUMENT) == published.text(), "run `make schema`"
    for metric in CATALOGUE:
        assert f"| `{metric.name}` |" in text_of(published.DOCUMENT)
