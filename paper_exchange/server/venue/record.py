"""Writes the engine's fills and ended orders into the journal."""

from collections.abc import Iterable

from paper_exchange.engine.orders.order import FINAL_STATUSES
from paper_exchange.journal import JournalWriter
from paper_exchange.types import PrivateEvent

ASKED_CANCELS = frozenset({"", "UNKNOWN", "CancelByUser"})


def journal_events(journal: JournalWriter, events: Iterable[PrivateEvent]) -> None:
    """Writes fills and ended orders. `forced` marks an end that the client did not ask for."""
    for event in events:
        row = event.data
        fields = {"uid": event.uid, "category": event.category}
        if event.topic == "execution":
            journal.write("fill", event.ts_ms, {**fields, "row": row})
        elif event.topic == "order" and row["orderStatus"] in FINAL_STATUSES:
            forced = row["orderStatus"] != "Filled" and row["cancelType"] not in ASKED_CANCELS
            journal.write("final", event.ts_ms, {**fields, "forced": forced, "row": row})
