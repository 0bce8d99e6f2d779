"""Reads one-minute bars from a folder of `SYMBOL_1m.csv` files, plain or gzipped."""

import csv
import gzip
import zlib
from datetime import datetime
from pathlib import Path
from typing import IO

import numpy as np

from bot.errors import Refused
from bot.market.volume.panel import Bars, FloatArray, IntArray, Panel, minute_of

_COLUMNS = ("timestamp", "high", "low", "close", "volume")
# A longer silence is an outage of the recorder: filling it would teach the models a dead market.
_LONGEST_GAP_MINUTES = 30


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
        minutes, values = _numbers(path)
    except (OSError, EOFError, ValueError, IndexError, csv.Error, zlib.error) as error:
        raise UnreadableBars(f"{path.name} can't be read as bars: {error}") from error
    if len(minutes) == 0:
        raise UnreadableBars(f"{path.name} holds no bars")
    steps = np.diff(minutes)
    if (steps < 1).any() or (steps > _LONGEST_GAP_MINUTES).any():
        raise UnreadableBars(
            f"{path.name}: bars must be in time order without a gap over "
            f"{_LONGEST_GAP_MINUTES} minutes"
        )
    high, low, close, volume = _without_gaps(minutes, values)
    try:
        return Bars(symbol, int(minutes[0]), high, low, close, volume)
    except ValueError as error:
        raise UnreadableBars(f"{path.name}: {error}") from error


def _numbers(path: Path) -> tuple[IntArray, FloatArray]:
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


def _without_gaps(
    minutes: IntArray, values: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """A minute without a bar had no trade: the last close, no volume."""
    offsets = minutes - minutes[0]
    length = int(offsets[-1]) + 1
    last = np.searchsorted(offsets, np.arange(length), side="right") - 1
    traded = offsets[last] == np.arange(length)
    close = values[last, 2]
    return (
        np.where(traded, values[last, 0], close),
        np.where(traded, values[last, 1], close),
        close,
        np.where(traded, values[last, 3], 0.0),
    )
