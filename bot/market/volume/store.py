"""Trained volume models as one JSON file: window, errors and parameters; refused when stale."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bot.errors import Refused
from bot.market.volume.model import NotTrained, VolumeModel
from bot.market.volume.training import MODELS, ErrorTable, Trained

FORMAT = 1
# Volume's daily pattern and its level drift within weeks (DST, listings, campaigns).
MAX_AGE = timedelta(days=7)
# Machines' clocks differ a little; a window further in the future is refused.
_CLOCK_TOLERANCE = timedelta(minutes=5)


class StaleModel(Refused):
    """The model's training window ended too long ago: train it again."""


class UnreadableModel(Refused):
    """The file is not a volume model of this version."""


@dataclass(frozen=True, slots=True)
class StoredModels:
    """The content of a file; `model` returns the models and checks their age."""

    window_start: datetime
    window_end: datetime
    tested_from: datetime
    symbols: tuple[str, ...]
    errors: ErrorTable
    parameters: dict[str, dict[str, Any]]

    def age(self, now: datetime) -> timedelta:
        """The time since the end of the training window."""
        return now - self.window_end

    def model(
        self, name: str, *, symbol: str, now: datetime, max_age: timedelta = MAX_AGE
    ) -> VolumeModel:
        """The model by name; raises StaleModel, NotTrained or UnreadableModel."""
        age = self.age(now)
        if age > max_age:
            raise StaleModel(
                f"the volume model's training ended {self.window_end.isoformat()}, "
                f"more than {max_age / timedelta(days=1):g} days ago: run `mlrisk volume train`"
            )
        if age < -_CLOCK_TOLERANCE:
            raise UnreadableModel("the volume model's training window ends in the future")
        if symbol not in self.symbols:
            raise NotTrained.on(symbol)
        if name not in self.parameters:
            raise UnreadableModel(f"the file holds no volume model named {name}")
        return _restore(name, self.parameters[name])


def dumps(trained: Trained) -> str:
    """The file's text; the same training gives the same text."""
    document = {
        "format": FORMAT,
        "window_start": trained.window_start.isoformat(),
        "window_end": trained.window_end.isoformat(),
        "tested_from": trained.tested_from.isoformat(),
        "symbols": sorted({s for by in trained.errors.values() for e in by.values() for s in e}),
        "mean_absolute_error_bps": trained.errors,
        "models": {name: model.parameters() for name, model in trained.models.items()},
    }
    return json.dumps(document, sort_keys=True, allow_nan=False) + "\n"


def loads(text: str) -> StoredModels:
    """Reads what `dumps` wrote; every model in it must be restorable."""
    try:
        raw = json.loads(text)
        if raw["format"] != FORMAT:
            raise UnreadableModel(f"volume model format {raw['format']} is not {FORMAT}")
        stored = StoredModels(
            window_start=_moment(raw["window_start"]),
            window_end=_moment(raw["window_end"]),
            tested_from=_moment(raw["tested_from"]),
            symbols=tuple(raw["symbols"]),
            errors=raw["mean_absolute_error_bps"],
            parameters=raw["models"],
        )
    except (ValueError, KeyError, TypeError) as error:
        raise UnreadableModel(f"not a volume model file: {error!r}") from error
    for name, parameters in stored.parameters.items():
        _restore(name, parameters)
    return stored


def load(path: Path) -> StoredModels:
    """Reads the file. Raises UnreadableModel with the reason."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableModel(f"{path} can't be read: run `mlrisk volume train`") from error
    return loads(text)


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a time without a zone")
    return moment.astimezone(UTC)


def _restore(name: str, parameters: dict[str, Any]) -> VolumeModel:
    if name not in MODELS:
        raise UnreadableModel(f"unknown volume model {name}")
    try:
        return MODELS[name]().restore(parameters)
    except (ValueError, KeyError, TypeError) as error:
        raise UnreadableModel(f"the {name} volume model is damaged: {error!r}") from error
