"""Reading and writing rows: SQL lives here, rules do not."""
