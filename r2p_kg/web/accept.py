"""Who is asking: a person with a browser, or a tool."""

from __future__ import annotations

from typing import Final

from flask import request

_PAGE: Final = frozenset({"text/html", "application/xhtml+xml"})


def wants_html() -> bool:
    """True where the request names HTML and names nothing that it likes better; a bare ``*/*`` is a tool.

    An explicit ``format=html`` decides alone.
    """
    if (request.args.get("format") or "").lower() in {"html", "text/html"}:
        return True
    named = [(value, quality) for value, quality in request.accept_mimetypes if "*" not in value and quality > 0]
    pages = [quality for value, quality in named if value in _PAGE]
    return bool(pages) and max(pages) >= max(quality for _, quality in named)
