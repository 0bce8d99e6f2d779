"""Orders: judging them, matching them, changing them and ending them."""
