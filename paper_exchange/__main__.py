"""`python -m paper_exchange` starts the paper exchange."""

import sys

from paper_exchange.main import main

if __name__ == "__main__":
    sys.exit(main())
