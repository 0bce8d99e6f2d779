"""From the exchange's reports to the books: fills, fees, positions, and the ends of orders."""
