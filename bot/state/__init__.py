"""What is known of an account when a decision is made: its breakers, its fitness, its snapshot."""
