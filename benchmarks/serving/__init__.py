"""Our service against other SPARQL services on the same machine; see ``__main__.py`` for how to run it."""
