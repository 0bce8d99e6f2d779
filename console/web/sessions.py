"""Sessions of the browser console, in this process's memory alone.

A restart ends all of them. The cookie holds a random token, and the memory only its hash. Before a
login a session has no person; the login gives it a new token.
"""

import hashlib
import hmac
import secrets
import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot.clock import Clock
from console.web.people import Person

IDLE = timedelta(minutes=30)
"""A session ends when its person sends nothing and no page of it is open for this long."""
LONGEST = timedelta(hours=12)
"""A session ends this long after its login, whatever happens."""
AT_THE_DOOR = timedelta(minutes=10)
"""The time to fill in the form of a login."""
MOST = 500
"""Sessions that are kept. Beyond that the one that was unused for longest ends, one without a
person first."""
_BYTES = 32


@dataclass(slots=True)
class WebSession:
    """One session. `csrf` stands in each of its forms."""

    person: Person | None
    began_at: datetime
    seen_at: datetime
    csrf: str = field(default_factory=lambda: secrets.token_urlsafe(_BYTES), repr=False)

    def is_over(self, now: datetime) -> bool:
        """Whether one of its times has passed."""
        if self.person is None:
            return now - self.began_at >= AT_THE_DOOR
        return now - self.seen_at >= IDLE or now - self.began_at >= LONGEST

    def knows(self, csrf: str) -> bool:
        """Whether a form came from a page of this session."""
        return hmac.compare_digest(self.csrf.encode(), csrf.encode())


class Sessions:
    """All sessions of this process; any thread may use it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._known: OrderedDict[str, WebSession] = OrderedDict()

    def open(self, person: Person | None = None) -> tuple[str, WebSession]:
        """A new session with its token, which is nowhere else."""
        token, now = secrets.token_urlsafe(_BYTES), self._clock.now()
        session = WebSession(person, now, now)
        with self._lock:
            self._make_room(now)
            self._known[_hash(token)] = session
        return token, session

    def rotate(self, token: str | None, person: Person) -> tuple[str, WebSession]:
        """A new session for the person who has logged in. The former token opens nothing."""
        self.close(token)
        return self.open(person)

    def find(self, token: str | None) -> WebSession | None:
        """The session of a token, which counts as seen now; None for one that is over."""
        if not token:
            return None
        key, now = _hash(token), self._clock.now()
        with self._lock:
            session = self._known.get(key)
            if session is None:
                return None
            if session.is_over(now):
                del self._known[key]
                return None
            session.seen_at = now
            self._known.move_to_end(key)
        return session

    def close(self, token: str | None) -> None:
        """Ends a session."""
        if token:
            with self._lock:
                self._known.pop(_hash(token), None)

    def close_all_of(self, name: str) -> None:
        """Ends every session of a person."""
        with self._lock:
            for key, session in list(self._known.items()):
                if session.person is not None and session.person.name == name:
                    del self._known[key]

    def _make_room(self, now: datetime) -> None:
        for key, session in list(self._known.items()):
            if session.is_over(now):
                del self._known[key]
        while len(self._known) >= MOST:
            doors = (key for key, session in self._known.items() if session.person is None)
            del self._known[next(doors, next(iter(self._known)))]


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
