"""R2P-KG: the reference knowledge graph and query service on the Responsibility to Protect."""

from importlib.metadata import version

__version__ = version("r2p-kg")
