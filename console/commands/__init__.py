"""The verbs of `mlrisk`. Each module registers one; heavy imports happen when the verb runs."""
