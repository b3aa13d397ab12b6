"""SPARQL as text: what a text is, what is wrong with it, and what it may mean instead.

Nothing is evaluated here. This package imports only itself and Python's standard library: base IRI, prefixes
and known terms come in as arguments, and errors are those of :mod:`r2p_kg.sparql.errors`.
"""
