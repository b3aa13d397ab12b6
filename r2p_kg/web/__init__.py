"""The web application: SPARQL protocol, linked-data pages, saved queries, description, status.

It reads one snapshot and asks one engine; it parses no curated file and builds nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Flask

from r2p_kg.web import (
    coverage,
    dataset,
    explanation,
    gallery,
    graph_store,
    operations,
    operator,
    pages,
    preparing,
    problems,
    replies,
    resources,
    sparql,
    update,
    vocabulary,
)
from r2p_kg.web.service import Service, Settings, service_of
from r2p_kg.web.update import Gate

if TYPE_CHECKING:
    from r2p_kg.engine import Operated
    from r2p_kg.graph.snapshot import Snapshot
    from r2p_kg.library import Library

__all__ = ["Gate", "Settings", "create_app", "service_of"]


def create_app(
    settings: Settings,
    snapshot: Snapshot,
    engine: Operated,
    library: Library,
    gate: Gate | None = None,
    *,
    operator_token: str | None = None,
) -> Flask:
    """The application over one snapshot; any number of threads may call it at once.

    ``gate``: who may write, without one nobody. ``operator_token``: who sends it may see and end the
    queries that run.
    """
    app = Flask("r2p_kg.web", static_folder=None)
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    app.config["MAX_CONTENT_LENGTH"] = settings.body_bytes
    app.config["MAX_FORM_MEMORY_SIZE"] = settings.body_bytes
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    Service(settings, snapshot, engine, library).install(app.extensions)
    for module in (
        operations,
        coverage,
        sparql,
        explanation,
        resources,
        vocabulary,
        gallery,
        dataset,
        graph_store,
    ):
        app.register_blueprint(module.blueprint)
    update.install(app, gate or Gate())
    operator.install(app, operator_token)
    problems.register(app)
    preparing.register(app)
    replies.register(app)
    pages.register(app)
    return app
