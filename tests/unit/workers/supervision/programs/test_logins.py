"""The embedded Postgres has a role for each purpose."""

from workers.home import Home
from workers.supervision import topology
from workers.supervision.programs.logins import owner_address
from workers.supervision.topology import Options


def test_the_owners_address_is_that_of_the_homes_own_server(home: Home) -> None:
    built = topology.build(home, Options())
    assert built.logins.owner == owner_address(home, built.logins.operator)
    assert owner_address(home, "postgresql+psycopg://me:pw@db/mlrisk") is None
    other = Home(home.path.parent / "another")
    other.create()
    assert owner_address(other, built.logins.operator) is None
