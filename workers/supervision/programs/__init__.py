"""The programs of a system on one machine, and how each is started."""
