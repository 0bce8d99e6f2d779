"""How the services of one worker process are made, each on its first use."""
