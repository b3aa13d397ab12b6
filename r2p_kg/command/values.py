"""What options take: values that are checked before a command begins, each error names its option."""

from __future__ import annotations

import math
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import click

from r2p_kg.graph import media

if TYPE_CHECKING:
    from collections.abc import Callable

    Text = click.ParamType[str]
else:
    Text = click.ParamType  # a generic class only in newer versions of click

FOLDER: Final = click.Path(path_type=Path, exists=True, file_okay=False)
#: A folder that is made if it is not there.
NEW_FOLDER: Final = click.Path(path_type=Path, file_okay=False)
FILE: Final = click.Path(path_type=Path, exists=True, dir_okay=False, readable=True)


class Number(click.FloatRange):
    """A number within bounds. Unlike FloatRange it does not take ``nan``, which is within all of them."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number."""
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{value!r} is not a finite number.", param, ctx)
        return number


class Address(Text):
    """The IP address of a machine, such as 127.0.0.1 or ::1."""

    name = "address"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The address in its usual form."""
        try:
            return str(ip_address(value))
        except ValueError:
            self.fail(f"{value!r} is not an IP address; write for example 127.0.0.1", param, ctx)


class DataFile(click.Path):
    """An RDF file that can be read and whose suffix says its format."""

    def __init__(self) -> None:
        super().__init__(path_type=Path, exists=True, dir_okay=False, readable=True)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """The path."""
        path = Path(str(super().convert(value, param, ctx)))
        if media.by_suffix(path.suffix, "graph") is None:
            known = ", ".join(suffix for form in media.formats("graph") for suffix in form.suffixes)
            self.fail(f"{str(path)!r} does not end in one of {known}; rename it after its format", param, ctx)
        return path


class Url(Text):
    """An absolute http or https address; ``bare`` if a query or a fragment has no meaning there."""

    name = "url"

    def __init__(self, example: str, *, bare: bool = False) -> None:
        self.example = example
        self.bare = bare

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The address as it was given, or without its final slash if ``bare``."""
        wrong = _wrong(str(value), bare=self.bare)
        if wrong:
            self.fail(f"{value!r} {wrong}; write for example {self.example}", param, ctx)
        return str(value).rstrip("/") if self.bare else str(value)


def _wrong(value: str, *, bare: bool) -> str:
    """What is wrong with an address; empty if nothing is."""
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        return f"is not an address ({error})"
    if parts.scheme.lower() not in {"http", "https"}:
        return "does not begin with http:// or https://"
    if not host or not value.isascii() or any(sign <= " " or sign in '<>"{}|\\^`\x7f' for sign in value):
        return "is not an address"
    if parts.username is not None or parts.password is not None:
        return "holds a name or a password"
    if bare and any(sign in value for sign in "?#"):
        return "has a query or a fragment"
    return ""


class FormatName(Text):
    """``table``, or a format by any name that ``format=`` takes over HTTP."""

    name = "format"

    def get_metavar(self, param: click.Parameter, ctx: click.Context | None = None) -> str:  # noqa: ARG002 - click's signature
        """The usual names."""
        return f"[{'|'.join(_usual())}]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The name as it was given."""
        name = str(value).strip().lower()
        known = {"table", *(known for form in media.FORMATS for known in (form.media_type, *form.aliases))}
        if name not in known:
            self.fail(f"{value!r} is not one of {', '.join(_usual())}.", param, ctx)
        return "table" if name == "table" else str(value)


def _usual() -> list[str]:
    return ["table", *dict.fromkeys(form.names[0] for form in media.FORMATS)]


def ontology_option(command: Callable[..., None]) -> Callable[..., None]:
    """The option ``--ontology``."""
    text = "Folder of curated Turtle files.  [default: the one of this checkout or package]"
    return click.option("--ontology", metavar="DIR", type=FOLDER, help=text, default=None)(command)


def state_option(command: Callable[..., None]) -> Callable[..., None]:
    """The option ``--state``."""
    text = "Folder that keeps snapshots.  [default: R2P_STATE, else the user's state folder]"
    return click.option("--state", metavar="DIR", type=NEW_FOLDER, help=text, default=None)(command)


def queries_option(command: Callable[..., None]) -> Callable[..., None]:
    """The option ``--queries``."""
    text = "Folder of saved questions.  [default: our own]"
    return click.option("--queries", metavar="DIR", type=FOLDER, help=text, default=None)(command)
