"""A heartbeat that can't be read is silence, and the next one that can be read is a sign again."""

from datetime import UTC, datetime
from queue import SimpleQueue

from sqlalchemy.exc import OperationalError

from workers.watchdog.pulse import Pulse

AT = datetime(2026, 11, 30, 12, tzinfo=UTC)


def test_a_failed_read_is_silence_until_one_succeeds() -> None:
    answers = iter([AT, OperationalError("select", {}, OSError("gone")), OSError("reset"), AT])
    seen: SimpleQueue[datetime | None] = SimpleQueue()

    def read() -> datetime | None:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def wait(_: float) -> bool:
        seen.put(pulse.newest())
        return seen.qsize() == 4

    pulse = Pulse(read, wait)
    assert pulse.newest() is None
    pulse.start()
    pulse._thread.join(60)
    assert [seen.get() for _ in range(4)] == [AT, None, None, AT]
