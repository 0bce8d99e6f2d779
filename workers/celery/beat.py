"""The scheduler of beat: RedBeat's, which starts whatever others wrote into its schedule."""

from redbeat import RedBeatScheduler

from config.settings import load_keyless_settings
from workers.celery import cleaning


class CleanedScheduler(RedBeatScheduler):
    """`celery beat --scheduler workers.celery.beat.CleanedScheduler`.

    A schedule that is poisoned later ends beat once: its supervisor starts it again.
    """

    def setup_schedule(self) -> None:
        """Reads the stored schedule, after taking out what isn't ours."""
        cleaning.clean_and_record(load_keyless_settings(), self.app)
        super().setup_schedule()
