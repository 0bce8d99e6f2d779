"""What people and time do with alerts: acknowledging, telling, escalating and clearing."""
