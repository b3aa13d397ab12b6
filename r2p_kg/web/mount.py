"""One snapshot as a front process serves it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from r2p_kg.web.cache import Cache

if TYPE_CHECKING:
    from flask import Flask

    from r2p_kg.web.service import Service


class Mount:
    """A service, its application, its cache, and how many requests still need it.

    ``writable``: the owner of the token may change the data.
    """

    def __init__(self, service: Service, app: Flask, *, writable: bool) -> None:
        self.service = service
        self.app = app
        self.cache = Cache(service.settings.cache)
        self.writable = writable
        self.requests = 0
        self.prefix = service.prefix
        # A proxy may strip the prefix or leave it. Nobody can tell the two apart if the prefix begins as an
        # address of ours does: then the proxy has to strip it.
        own = {rule.rule.split("/")[1] for rule in app.url_map.iter_rules()}
        self._stripped_here = (
            self.prefix if self.prefix.split("/")[1:2] and self.prefix.split("/")[1] not in own else ""
        )

    @property
    def digest(self) -> str:
        """What tells the snapshot from others, to the broker and its workers."""
        return self.service.snapshot.identity

    def below_prefix(self, path: str) -> str:
        """The path of a request without the prefix under which the service is published.

        A proxy in front may have taken it off already.
        """
        prefix = self._stripped_here
        if not prefix or not (path == prefix or path.startswith(prefix + "/")):
            return path
        return path.removeprefix(prefix) or "/"
