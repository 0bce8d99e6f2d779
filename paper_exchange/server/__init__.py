"""The HTTP and WebSocket server of the paper exchange."""
