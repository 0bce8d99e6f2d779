"""HTTP and WebSocket doors of the paper exchange."""
