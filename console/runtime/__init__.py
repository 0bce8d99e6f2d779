"""The things that commands act on: the running system, its servers and its operators."""
