"""The sources of the paper exchange's books and trades."""
