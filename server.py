"""Start the service: ``python server.py`` is ``r2p serve``, with the same options."""

from __future__ import annotations

import sys

from r2p_kg.command import main

if __name__ == "__main__":
    main(["serve", *sys.argv[1:]])
