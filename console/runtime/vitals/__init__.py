"""Questions about life and progress, in rooms by what they ask about."""
