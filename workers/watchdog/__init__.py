"""The watchdog: cancels orders that add risk when the system gives no sign of life.

Nothing here can create an order. An import contract and `tests/unit/workers/watchdog` hold that.
"""
