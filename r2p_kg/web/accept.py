"""Who is asking, a person with a browser or a tool, and which formats there are to offer."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from flask import request

from r2p_kg.graph import media

if TYPE_CHECKING:
    from collections.abc import Sequence

_PAGE: Final = frozenset({"text/html", "application/xhtml+xml"})


def wants_html() -> bool:
    """True where the request names HTML and names nothing that it likes better; a bare ``*/*`` is a tool.

    An explicit ``format=html`` decides alone.
    """
    if (request.args.get("format") or "").lower() in {"html", "text/html"}:
        return True
    named = [
        (value, quality) for value, quality in request.accept_mimetypes if "*" not in value and quality > 0
    ]
    pages = [quality for value, quality in named if value in _PAGE]
    return bool(pages) and max(pages) >= max(quality for _, quality in named)


def formats(kind: str) -> Sequence[media.Format]:
    """Every format that an answer of this kind can have, the default first."""
    return [form for form in media.FORMATS if kind in form.kinds]


@lru_cache(maxsize=64)
def suffix(media_type: str) -> str:
    """The file suffix of a media type, empty where it has none of ours."""
    return next((form.suffix for form in media.FORMATS if form.media_type == media_type), "")
