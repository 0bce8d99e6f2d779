"""A flattener by the parts of a desk."""

from bot.safety.halting.flattening import Flattener, FlatteningPorts
from tests.support.desk import ACCOUNT, Desk


def flattener(desk: Desk) -> Flattener:
    """Closes the desk's positions; time passes and fills arrive when it catches up."""

    def catch_up() -> None:
        desk.pass_time(1)
        desk.stream()
        desk.reconciler.follow_exits()

    ports = FlatteningPorts(
        exchange=desk.exchange,
        decide=desk.approval.validate_and_execute,
        send=desk.send,
        catch_up=catch_up,
        sleep=lambda _: None,
    )
    return Flattener(desk.db, ACCOUNT, desk.clock, ports)
