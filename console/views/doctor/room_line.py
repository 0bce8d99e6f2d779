"""The line of `mlrisk doctor` about the room on the disk of the home."""

from pathlib import Path

from bot.state import disk_room
from console.runtime.health_check import HealthCheck
from workers.supervision import ballast


def room_lines(home: Path) -> list[HealthCheck]:
    """One line, or no line without a home. Not ok while lack of room denies what adds risk."""
    free = disk_room.free_bytes(home)
    if free is None:
        return []
    told = f"{free // disk_room.MB} MB free"
    short = disk_room.shortage(home)
    if short is not None:
        full = "the disk is full: " if free < ballast.FULL_BYTES else ""
        return [HealthCheck("disk", False, f"{full}{told}; {short}", down=False)]
    return [HealthCheck("disk", True, told, warning=not disk_room.is_back(home))]
