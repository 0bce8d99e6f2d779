"""Systems as they are built, and their processes by name."""

from workers.supervision.launches import ProcessSpec
from workers.supervision.topology import Topology


def by_name(built: Topology) -> dict[str, ProcessSpec]:
    return {spec.name: spec for spec in built.specs}
