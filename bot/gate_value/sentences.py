"""What may be said about the worth of blocks, in words for people."""

from bot.gate_value.figures import BlockValue, ValueFinding


def sentence(value: BlockValue) -> str:
    """What may be said about one check, strategy or symbol."""
    a_day, low, high = value.bps_a_day, value.low, value.high
    if a_day is None:
        return f"{value.name}: no block of known worth"
    if low is None or high is None:
        return (
            f"{value.name}: {a_day:+.2f} bps a day, too few independent blocks for an interval"
            f"{_needs(value)}"
        )
    if value.finding is ValueFinding.COST:
        return f"{value.name} cost {-a_day:.2f} bps a day (95 %: {-high:.2f} to {-low:.2f})"
    if value.finding is ValueFinding.SAVED:
        return f"{value.name} saved {a_day:.2f} bps a day (95 %: {low:.2f} to {high:.2f})"
    return (
        f"{value.name}: {a_day:+.2f} bps a day (95 %: {low:+.2f} to {high:+.2f}), not "
        f"distinguishable from zero{_needs(value)}"
    )


def _needs(value: BlockValue) -> str:
    if value.needs_more is None:
        return "; no number of blocks in sight would tell"
    return f"; needs about {value.needs_more} more blocks"
