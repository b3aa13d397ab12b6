"""A value that names a thing must name one that there is, or the answer would be empty without a word."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from r2p_kg.errors import LibraryError
from r2p_kg.graph import vocab
from r2p_kg.graph.prefixes import Prefixes
from r2p_kg.library.params import shown
from r2p_kg.sparql.nearest import nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from r2p_kg.library.params import Param

#: Names that an error lists.
_SHOWN: Final = 3


class Things(Protocol):
    """What the data hold, as far as values of parameters need it."""

    def knows(self, iri: str) -> bool:
        """True if some triple has the IRI as subject or object, or some graph as name."""
        ...

    def subjects(self) -> Iterable[str]:
        """The IRIs of everything that can be suggested."""
        ...

    def types(self, iri: str) -> frozenset[str]:
        """The IRIs of the classes of a thing, entailed ones included; empty if they are not known."""
        ...


def check(param: Param, iri: str, things: Things, prefixes: Mapping[str, str]) -> None:
    """Raise LibraryError if the thing is not in the data, or not in the class of the parameter."""
    spaces = Prefixes({**prefixes, "": vocab.ID})
    name = _name(iri, spaces)
    if not things.knows(iri):
        near = nearest(name, _candidates(iri, param, things, spaces), _SHOWN)
        hint = f"did you mean {' or '.join(near)}?" if near else "check its spelling"
        message = f"parameter {param.name}: there is no {shown(name)} in the data; {hint}"
        raise LibraryError(message)
    types = things.types(iri)
    if param.of and types and param.of not in types:
        message = (
            f"parameter {param.name}: {name} is not in the class {_name(param.of, spaces)}; "
            "give it a thing that is"
        )
        raise LibraryError(message)


def _candidates(iri: str, param: Param, things: Things, spaces: Prefixes) -> Iterable[str]:
    """The names of things in the IRI's namespace, of the parameter's class if it has one."""
    begin = iri[: max(iri.rfind("/"), iri.rfind("#")) + 1]
    return (
        _name(other, spaces)
        for other in things.subjects()
        if other.startswith(begin) and (param.of is None or param.of in things.types(other))
    )


def _name(iri: str, spaces: Prefixes) -> str:
    """How a person types the IRI as a value: bare below our own ``id/``, else with a prefix, else in full."""
    prefix, rest = spaces.split(iri) or ("", "")
    if not rest:
        return f"<{iri}>"
    return f"{prefix}:{rest}" if prefix else rest
