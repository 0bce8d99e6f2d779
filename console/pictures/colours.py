"""The colours of roles on light and dark ground, for pages and for paper."""

from collections.abc import Mapping

from console.pictures.picture import Role

LIGHT_GROUND, DARK_GROUND = "#ffffff", "#14171b"
LIGHT: Mapping[Role, str] = {
    Role.INK: "#1c1f24",
    Role.DIM: "#5b6470",
    Role.GRID: "#d5dae1",
    Role.RAIL: "#d5dae1",
    Role.SERIES: "#2a5db0",
    Role.PLAN: "#5b6470",
    Role.LIMIT: "#b3261e",
    Role.INTERVAL: "#1c1f24",
    Role.GOOD: "#146c2e",
    Role.NEAR: "#7a4b00",
    Role.BAD: "#b3261e",
    Role.FIRST: "#2a5db0",
    Role.SECOND: "#b3261e",
    Role.THIRD: "#7a4b00",
    Role.FOURTH: "#146c2e",
    Role.FIFTH: "#7b3f98",
    Role.SIXTH: "#5b6470",
}
DARK: Mapping[Role, str] = {
    Role.INK: "#e6e9ee",
    Role.DIM: "#9aa4b2",
    Role.GRID: "#333a44",
    Role.RAIL: "#333a44",
    Role.SERIES: "#8ab4f8",
    Role.PLAN: "#9aa4b2",
    Role.LIMIT: "#ff8a80",
    Role.INTERVAL: "#e6e9ee",
    Role.GOOD: "#6fd08c",
    Role.NEAR: "#f2bf5e",
    Role.BAD: "#ff8a80",
    Role.FIRST: "#8ab4f8",
    Role.SECOND: "#ff8a80",
    Role.THIRD: "#f2bf5e",
    Role.FOURTH: "#6fd08c",
    Role.FIFTH: "#d7a6f0",
    Role.SIXTH: "#9aa4b2",
}


def variables(colours: Mapping[Role, str], ground: str) -> str:
    """The colours as variables of a style sheet, `--ground` and one for each role."""
    named = "".join(f" --{role}: {colour};" for role, colour in colours.items())
    return f"--ground: {ground};{named}"
