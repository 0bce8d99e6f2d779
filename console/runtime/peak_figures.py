"""The busiest minutes of the last six months, as a stress test takes them: from this system's rows,
and from a file that another system wrote."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy.orm import Session

from bot.safety.stress_load import STRATEGIES, Figures
from console.errors import CommandError, ExitCode
from console.views.live.queries import database_now
from models.amounts import shortest
from models.repositories.peaks import MONTHS_6, Peak, Peaks, peaks

_CENT = Decimal("0.01")
_MOST_BYTES = 65_536


class _OnePeak(BaseModel):
    model_config = ConfigDict(extra="ignore")

    most: Decimal = Field(ge=0, lt=Decimal(10) ** 12)


class _PeakFile(BaseModel):
    """What `mlrisk drill peaks --json` prints."""

    model_config = ConfigDict(extra="ignore")

    received: _OnePeak
    sent: _OnePeak
    volume: _OnePeak


def last_peaks(session: Session, account: str) -> Peaks:
    """The account's busiest minutes of the last six months. Stress tests are left out."""
    now = database_now(session)
    return peaks(session, account, now - MONTHS_6, now + timedelta(seconds=1), STRATEGIES)


def figures_of(found: Peaks) -> Figures:
    """The most of a minute, for a load."""
    return Figures(int(found.received.most), int(found.sent.most), found.volume.most)


def peak_facts(found: Peaks) -> dict[str, Any]:
    """The busiest minutes as plain values."""

    def facts(peak: Peak) -> dict[str, Any]:
        return {"most": shortest(peak.most.quantize(_CENT)), "minute": peak.minute}

    return {
        "since": found.since,
        "until": found.until,
        "received": facts(found.received),
        "sent": facts(found.sent),
        "volume": facts(found.volume),
    }


def read_figures(path: Path) -> Figures:
    """The figures in a file that `mlrisk drill peaks --json` has written. Raises CommandError."""
    try:
        with path.open("rb") as stream:
            found = _PeakFile.model_validate_json(stream.read(_MOST_BYTES))
    except OSError as error:
        raise CommandError(f"{path} can't be read: {error.strerror}", ExitCode.USAGE) from error
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in fault["loc"])
        raise CommandError(
            f"{path} is not what `mlrisk drill peaks --json` prints: {place}: {fault['msg']}",
            ExitCode.USAGE,
        ) from error
    return Figures(int(found.received.most), int(found.sent.most), found.volume.most)
