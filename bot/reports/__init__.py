"""Reports about a day, from the rows alone."""
