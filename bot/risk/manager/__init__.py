"""The original interface: validates a trade with state in memory, without Postgres and Redis."""
