"""Reads recorded minutes from a folder of `SYMBOL_1m.csv` files, with their gaps."""

import csv
import zlib
from pathlib import Path

import numpy as np

from bot.market.recorded_figures import RecordedMinutes
from bot.market.volume.files import UnreadableBars, numbers_of


def read_recorded(folder: Path) -> list[RecordedMinutes]:
    """The minutes of each `*_1m.csv` and `*_1m.csv.gz`, by symbol.

    Raises UnreadableBars for a folder without any, and for a file that is none.
    """
    paths = sorted([*folder.glob("*_1m.csv"), *folder.glob("*_1m.csv.gz")])
    if not paths:
        raise UnreadableBars(f"{folder} holds no SYMBOL_1m.csv or SYMBOL_1m.csv.gz")
    return [_read(path) for path in paths]


def _read(path: Path) -> RecordedMinutes:
    try:
        minutes, values = numbers_of(path)
    except (OSError, EOFError, ValueError, IndexError, csv.Error, zlib.error) as error:
        raise UnreadableBars(f"{path.name} can't be read as bars: {error}") from error
    if len(minutes) == 0 or not (np.diff(minutes) > 0).all():
        raise UnreadableBars(f"{path.name} holds no bars in the order of time")
    if not (np.isfinite(values[:, 2]) & (values[:, 2] > 0)).all():
        raise UnreadableBars(f"{path.name} has a close that is no price")
    high, low, close = values[:, 0], values[:, 1], values[:, 2]
    return RecordedMinutes(path.name.split("_1m.csv")[0], minutes, high, low, close)
