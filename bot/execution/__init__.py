"""Working approved trades into the market as child orders."""
