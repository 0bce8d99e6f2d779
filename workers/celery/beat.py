"""Beat's scheduler: RedBeat's, without foreign entries. RedBeat alone starts every stored entry."""

from redbeat import RedBeatScheduler

from config.settings import load_keyless_settings
from workers.celery import cleaning


class CleanedScheduler(RedBeatScheduler):
    """`celery beat --scheduler workers.celery.beat.CleanedScheduler`.

    A bad entry that is written later ends beat once. The supervisor then starts beat again.
    """

    def setup_schedule(self) -> None:
        """Drops foreign entries, then reads the stored schedule."""
        cleaning.clean_and_record(load_keyless_settings(), self.app)
        super().setup_schedule()
