"""What a test imports: the pytest fixture, and the process that it starts.

In a `conftest.py`, where the plugin is not installed:

    from paper_exchange.testing import paper_exchange

and then in a test:

    def test_buys(paper_exchange):
        session = HTTP(api_key=paper_exchange.api_key, api_secret=paper_exchange.api_secret)
        session.endpoint = paper_exchange.url
"""

from paper_exchange.process import PaperExchangeProcess
from paper_exchange.pytest_plugin import paper_exchange

__all__ = ["PaperExchangeProcess", "paper_exchange"]
