"""What asks for a look at the breakers: fills, rejected orders and failed executions."""

from bot.errors import ExchangeRefused
from models.enums import VenueReason
from tests.support.accounts.breakers import Watch


def test_a_fill_and_a_rejected_order_ask_for_a_look(watch: Watch) -> None:
    desk, queue = watch.desk, watch.desk.task_queue
    desk.approve()
    desk.send_due()
    assert queue.looks == 0
    desk.stream()
    assert queue.looks == 1
    desk.stream()
    assert queue.looks == 1, "a report that is known is no event"
    refusal = ExchangeRefused(110_007, "ab not enough", reason=VenueReason.MARGIN)
    desk.exchange.faults = [(refusal, False)]
    desk.approve("r-2")
    desk.send_due()
    assert queue.looks == 2
