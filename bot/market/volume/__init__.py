"""Volume of the coming minutes: three models behind one interface, and the VWAP schedule on top."""

MODELS_FILE = "volume_models.json"
"""The file in the home: `mlrisk volume train` writes it, live orders read it."""
