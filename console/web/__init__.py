"""The console in a browser: pages drawn here, live events, the red button, the way back."""
