"""What a notebook's manager asks of the running system that it belongs to."""

from typing import Protocol


class SystemRecovery(Protocol):
    """The way back from a halt of the running system, as `mlrisk recover` goes it."""

    def needs_code(self) -> bool:
        """Whether a recovery takes an operator's login and an override code here."""
        ...

    def recover(
        self, reason: str, override_code: str | None, operator: object | None
    ) -> str | None:
        """Recovers the system's global halt, if there is one.

        Returns why the recovery waits; None when it has begun or there is nothing to recover.
        Raises NotAuthorised.
        """
        ...
