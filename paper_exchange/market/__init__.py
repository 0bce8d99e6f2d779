"""Where the paper exchange's books and trades come from."""
