"""Saved queries: ``queries/<topic>/<id>.rq``, SPARQL files whose leading ``#+`` comments are a YAML header.

::

    #+ title: Tools used in a situation
    #+ question: Which tools were used in a situation, and by whom?
    #+ params:
    #+   situation: {type: class-instance, of: r2p:Situation, label: Situation, default: id:libya-2011}
    #+ returns:
    #+   - tool: the tool that was used
    #+   - actor: who used it
    #+ expect: rows
    PREFIX r2p: <https://w3id.org/r2p-kg/ns#>
    PREFIX id: <https://w3id.org/r2p-kg/id/>
    SELECT ?tool ?actor WHERE { ?r r2p:usedIn $situation ; r2p:usedTool ?tool ; r2p:usedBy ?actor }

The file's stem is the query's id and its URL, the folder is its topic. A parameter is a variable written with
``$``. Files are read strictly: a key that nobody reads, a parameter that nothing uses, a column that is not
projected are errors, each with file, line and repair.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from r2p_kg.errors import LibraryError, UsageError
from r2p_kg.graph import files
from r2p_kg.library import params
from r2p_kg.library.params import Param
from r2p_kg.library.reading import read
from r2p_kg.library.things import Things, check
from r2p_kg.library.values import Column, Library, SavedQuery
from r2p_kg.sparql.outline import substitute

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Column", "Library", "Param", "SavedQuery", "Things", "bind", "load", "queries_folder", "read"]


def queries_folder() -> Path:
    """The folder of our saved queries: ``queries/`` of the checkout, or its copy in an installed wheel."""
    package = Path(__file__).resolve().parent.parent
    inside = package / "queries"
    return inside if inside.is_dir() else package.parent / "queries"


def load(folder: Path) -> Library:
    """Every saved query of a folder.

    Raises LibraryError with one line for each fault of each file, all files read; also if two files have the
    same id.
    """
    problems: list[str] = []
    found: dict[str, SavedQuery] = {}
    if not folder.is_dir():
        message = f"{folder}: no such folder; it holds the saved queries as <topic>/<id>.rq"
        raise LibraryError(message)
    for name in files.find(folder, ".rq"):
        where = f"{folder.resolve().name}/{name}"
        try:
            query = read(files.text(folder / name), where)
        except (LibraryError, UsageError) as error:
            problems.append(str(error))
            continue
        if query.id in found:
            problems.append(
                f"{where}:1: the id {query.id} is taken by topic {found[query.id].topic}; rename the file"
            )
        found[query.id] = query
    if problems:
        raise LibraryError("\n".join(problems))
    return Library(tuple(sorted(found.values(), key=lambda query: (query.topic, query.id))))


def bind(
    query: SavedQuery,
    values: Mapping[str, str],
    prefixes: Mapping[str, str] | None = None,
    things: Things | None = None,
) -> str:
    """The SPARQL text with each ``$name`` replaced by the term that its value means, or its default.

    ``prefixes`` are allowed in values besides those of the text. With ``things``, a value that names a thing
    must name one of them, of the parameter's class. Raises LibraryError for a value that is unknown, missing
    or of another type.
    """
    params_by_name = {param.name: param for param in query.params}
    for name in values.keys() - params_by_name.keys():
        listed = ", ".join(params_by_name) or "none"
        message = f"parameter {name}: {query.id} has no such parameter; it has {listed}"
        raise LibraryError(message)
    allowed = {**(prefixes or {}), **query.prefixes}
    terms: dict[str, str] = {}
    for name, param in params_by_name.items():
        value = values.get(name) or param.default
        if value is None:
            message = f"parameter {name}: {query.id} needs a value for it ({param.label})"
            raise LibraryError(message)
        terms[name] = params.term(param, value, allowed)
        if things is not None and param.names_thing and values.get(name):
            check(param, terms[name].strip("<>"), things, allowed)
    return substitute(query.text, terms)
