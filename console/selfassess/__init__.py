"""The self-assessment: controls that public texts ask for, and what mlrisk has to show for each."""
