"""The exporter: figures of the whole system for Prometheus, computed from rows."""
