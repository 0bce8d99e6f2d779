"""The verbs of `mlrisk`: one module each, imported when its verb is used (`console/lazy.py`)."""
