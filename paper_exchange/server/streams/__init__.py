"""The WebSocket endpoints: public and private topics, and order entry."""
