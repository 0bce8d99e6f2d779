"""The seed's interface: validate a trade with state in memory, without Postgres and Redis."""
