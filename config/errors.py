"""The root of every error that mlrisk raises on purpose, and those that settings and tables raise.

`bot.errors` has the tree below the root.
"""


class MlriskError(Exception):
    """The root. `message` is for people, `code` for programs: the class's name if none is given."""

    def __init__(self, message: str = "", *, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or type(self).__name__

    def __reduce__(self) -> tuple[object, ...]:
        # Celery pickles results across processes; keyword-only arguments must survive that.
        return (_rebuild, (type(self), self.message, self.__dict__))


class Refused(MlriskError):
    """Final: the same call will be refused again."""


def _rebuild(cls: type[MlriskError], message: str, state: dict[str, object]) -> MlriskError:
    error = cls.__new__(cls)
    Exception.__init__(error, message)
    error.__dict__.update(state)
    return error


class SettingsError(MlriskError):
    """A setting is missing or wrong. The message names every such setting and its accepted
    values."""
