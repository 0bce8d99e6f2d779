"""Reads one-minute bars from a folder of `SYMBOL_1m.csv` files, plain or gzipped."""

import csv
import gzip
import zlib
from datetime import datetime
from pathlib import Path
from typing import IO

import numpy as np

from bot.errors import Refused
from bot.market.volume.minutes import without_gaps
from bot.market.volume.panel import Bars, FloatArray, IntArray, Panel, minute_of

_COLUMNS = ("timestamp", "high", "low", "close", "volume")


class UnreadableBars(Refused):
    """The folder or a file in it holds no usable one-minute bars."""


def read_folder(folder: Path) -> Panel:
    """Every `*_1m.csv` and `*_1m.csv.gz`, over the minutes that all symbols have."""
    paths = sorted([*folder.glob("*_1m.csv"), *folder.glob("*_1m.csv.gz")])
    if not paths:
        raise UnreadableBars(f"{folder} holds no SYMBOL_1m.csv or SYMBOL_1m.csv.gz")
    try:
        return Panel.of(read_bars(path) for path in paths)
    except ValueError as error:
        raise UnreadableBars(f"{folder}: {error}") from error


def read_bars(path: Path) -> Bars:
    """Columns timestamp (ISO 8601 with zone), high, low, close, volume; others are ignored."""
    symbol = path.name.split("_1m.csv")[0]
    try:
        minutes, values = numbers_of(path)
    except (OSError, EOFError, ValueError, IndexError, csv.Error, zlib.error) as error:
        raise UnreadableBars(f"{path.name} can't be read as bars: {error}") from error
    if len(minutes) == 0:
        raise UnreadableBars(f"{path.name} holds no bars")
    try:
        return without_gaps(symbol, minutes, values)
    except ValueError as error:
        raise UnreadableBars(f"{path.name}: {error}") from error


def numbers_of(path: Path) -> tuple[IntArray, FloatArray]:
    """The minutes of a file, and high, low, close and volume of each, as they stand there.

    Raises OSError, EOFError, ValueError, IndexError, csv.Error or zlib.error for another file.
    """
    minutes: list[int] = []
    values: list[list[float]] = []
    with _opened(path) as file:
        rows = csv.reader(file)
        header = next(rows, [])
        missing = [column for column in _COLUMNS if column not in header]
        if missing:
            raise ValueError(f"no column {', '.join(missing)}")
        time, *numbers = (header.index(column) for column in _COLUMNS)
        for row in rows:
            minutes.append(minute_of(datetime.fromisoformat(row[time])))
            values.append([float(row[i]) for i in numbers])
    return np.array(minutes, dtype=np.int64), np.array(values, dtype=np.float64)


def _opened(path: Path) -> IO[str]:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", newline="", encoding="utf-8")
    return path.open(newline="", encoding="utf-8")
