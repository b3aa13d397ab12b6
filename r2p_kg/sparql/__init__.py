"""SPARQL as text: what a text is, what is wrong with it, and what it may mean instead. Nothing is evaluated here.

This package imports nothing from the rest of the project, only Python's standard library. Base IRI, prefixes and known
terms come in as arguments; errors are those of :mod:`r2p_kg.sparql.errors`.
"""
