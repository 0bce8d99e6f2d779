"""Starts a whole system in a home: servers, migrations, processes."""

from collections.abc import Callable, Sequence

from models import migrate
from workers import topology
from workers.home import Home
from workers.launches import ProcessSpec
from workers.supervisor import Supervisor
from workers.topology import Options, Topology


def start_system(
    home: Home,
    options: Options,
    *,
    progress: Callable[[str], None] = lambda _: None,
    tied: bool = True,
) -> Supervisor:
    """Start everything and return its supervisor; when one thing fails, nothing stays.

    With `tied` the system stops when this process dies; without, it runs until somebody
    attaches and stops it. Raises HomeInUseError, StartError, PostgresError.
    """
    supervisor = Supervisor(home)
    built: list[Topology] = []

    def prepare() -> Sequence[ProcessSpec]:
        system = topology.build(home, options)
        progress("preparing servers")
        system.prepare()
        built.append(system)
        return system.specs

    def open_doors() -> None:
        progress("migrating the database")
        migrate.upgrade(built[0].create_database())
        # Other shells find the system by it, and only now is there something to find.
        home.write_environment(built[0].environment)

    supervisor.start(
        prepare, after_stage={topology.SERVERS: open_doors}, progress=progress, tied=tied
    )
    return supervisor
